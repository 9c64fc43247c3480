"""Who may watch an asset at all, and who gets it from somewhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter

from common.errors import NearcastError
from common.messages.policies import Policy
from control_plane.routing.clients import Address
from control_plane.routing.place import Place
from control_plane.routing.prefixes import Prefixes, parse_network

PLACED = ("path", "asset_id", "version")
"""What a bypass URL may have in braces."""


class PolicyInvalid(NearcastError):
    """The policy is not taken."""

    status = 422


class PolicyNetworkInvalid(PolicyInvalid):
    """In {member}, {reason}."""


class PolicyNetworkTwice(PolicyInvalid):
    """The network {network} is both allowed and blocked."""


class PolicyCountryTwice(PolicyInvalid):
    """The country {country} is both allowed and blocked."""


class PolicyUrlInvalid(PolicyInvalid):
    """{url!r} has braces that mean nothing: in a bypass URL, {placed} may stand in them, and in a
    deny URL nothing."""


class PolicyBypassMissing(PolicyInvalid):
    """Who is to get the asset from elsewhere is listed, and no bypass_url says from where."""


class Judged(StrEnum):
    """What becomes of a viewer."""

    ALLOWED = "allowed"
    DENIED = "denied"
    BYPASSED = "bypassed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says of a viewer."""

    judged: Judged
    reason: str
    """For people: the end of a sentence, or empty."""
    url: str | None = None
    """Of the bypass, or of whom is denied, where there is one."""


FREE = Verdict(Judged.ALLOWED, "no policy says anything of it")


class PolicyRules:
    """A policy, made ready for many viewers."""

    def __init__(self, told: Policy) -> None:
        """Takes what an operator told.

        Raises:
            PolicyInvalid: it contradicts itself.
        """
        self._told = told
        self._allowed = frozenset(told.allowed_countries)
        self._blocked = frozenset(told.blocked_countries)
        for country in sorted(self._allowed & self._blocked):
            raise PolicyCountryTwice(country=country)
        self._networks: Prefixes[Judged] = Prefixes()
        self._add(self._networks, "allowed_networks", told.allowed_networks, Judged.ALLOWED)
        self._add(self._networks, "blocked_networks", told.blocked_networks, Judged.DENIED)
        self._only_networks = bool(told.allowed_networks) and not (
            told.blocked_networks or told.allowed_countries or told.blocked_countries
        )
        self._bypassed: Prefixes[Judged] = Prefixes()
        self._add(self._bypassed, "bypass_networks", told.bypass_networks, Judged.BYPASSED)
        self._bypass_some = bool(told.bypass_countries or told.bypass_networks)
        if self._bypass_some and told.bypass_url is None:
            raise PolicyBypassMissing
        _check_url(told.deny_url, ())
        _check_url(told.bypass_url, PLACED)

    @staticmethod
    def _add(networks: Prefixes[Judged], member: str, texts: Sequence[str], judged: Judged) -> None:
        for text in texts:
            try:
                network = parse_network(text)
            except ValueError as error:
                raise PolicyNetworkInvalid(member=member, reason=str(error)) from error
            if networks.add(network, judged) is not judged:
                raise PolicyNetworkTwice(network=network)

    def judge(self, address: Address, place: Place) -> Verdict:
        """What becomes of a viewer at ``address``, which is in ``place``."""
        told, country = self._told, place.country
        allowed, why = self._allows(address, country)
        if not allowed:
            return Verdict(Judged.DENIED, why, told.deny_url)
        if told.bypass_url is None:
            return Verdict(Judged.ALLOWED, why)
        if not self._bypass_some:
            return Verdict(Judged.BYPASSED, "everybody gets it from elsewhere", told.bypass_url)
        if self._bypassed.find(address) is not None:
            why = "its network gets it from elsewhere"
        elif country and country in told.bypass_countries:
            why = f"the country {country} gets it from elsewhere"
        else:
            return Verdict(Judged.ALLOWED, why)
        return Verdict(Judged.BYPASSED, why, told.bypass_url)

    def _allows(self, address: Address, country: str) -> tuple[bool, str]:
        """Whether a viewer may watch, and why."""
        match self._networks.find(address):
            case Judged.ALLOWED:
                return True, "the network of this address is allowed"
            case Judged.DENIED:
                return False, "the network of this address is blocked"
        if self._only_networks:
            return False, "only some networks are allowed"
        return self._allows_from(country)

    def _allows_from(self, country: str) -> tuple[bool, str]:
        if country in self._blocked:
            return False, f"the country of this address, {country}, is blocked"
        if country in self._allowed:
            return True, f"the country of this address, {country}, is allowed"
        if self._allowed and country:
            return False, f"the country of this address, {country}, is not among those allowed"
        if self._allowed:
            why = "only some countries are allowed, and nobody knows the one of this address"
            return False, why
        return True, "nothing in it is against this address"


def placed(url: str, *, path: str, asset_id: str, version: str) -> str:
    """A bypass URL for an asset; what is put in needs no escapes."""
    return url.format(path=path, asset_id=asset_id, version=version)


def _check_url(url: str | None, known: Sequence[str]) -> None:
    if url is None:
        return
    try:
        parts = list(Formatter().parse(url))
    except ValueError:
        parts = [("", "", "", "")]
    for _, name, form, conversion in parts:
        if name is not None and (name not in known or form or conversion):
            told = ", ".join(f"{{{each}}}" for each in PLACED)
            raise PolicyUrlInvalid(url=url, placed=told)
