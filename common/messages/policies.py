"""Policies: who may watch an asset at all, and who gets it from somewhere else."""

from typing import Annotated, Final

import msgspec

from common.messages.zones import Cidr

MOST_POLICY_NETWORKS: Final = 256
"""In each list."""

_Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]
Countries = Annotated[tuple[_Country, ...], msgspec.Meta(max_length=300)]
"""ISO 3166-1 alpha-2 codes, in capitals."""
Networks = Annotated[tuple[Cidr, ...], msgspec.Meta(max_length=MOST_POLICY_NETWORKS)]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[!#-;=?-\[\]_a-z~{}%]+\Z", max_length=2048)]
"""An absolute URL (RFC 3986); braces are for what is put in."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who may watch, by country and network.

    An address in a listed network is judged by the longest prefix around it. Any other may watch
    unless its country is blocked, or countries are allowed and its own is not among them: nor is
    one that nobody knows. Where nothing but networks is allowed, and nothing else is listed, nobody
    else may.
    """

    allowed_countries: Countries = ()
    blocked_countries: Countries = ()
    allowed_networks: Networks = ()
    blocked_networks: Networks = ()
    deny_url: Url | None = None
    """Where players are sent that may not watch, in place of an error."""
    bypass_url: Url | None = None
    """Another CDN or an origin, from which those who may watch get the asset: all of them, unless
    countries or networks of the bypass are listed. In it, ``{path}`` stands for the key of the
    multivariant playlist, ``{asset_id}`` and ``{version}`` for its parts."""
    bypass_countries: Countries = ()
    bypass_networks: Networks = ()


class PolicyView(msgspec.Struct, frozen=True):
    """A policy that holds, and who said so when."""

    name: str
    """``default``, ``creators/ID`` or ``assets/ID``."""
    policy: Policy
    by: str
    at: float
