"""Policies, as operators tell them: in memory, on every control plane, after restarts.

Of an asset's own policy, that of the account which made it, and the default, the first that there
is decides alone.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from common.clock import Clock
from common.errors import NearcastError
from common.messages import PackageAnnouncement, decode, encode
from common.messages.policies import Policy, PolicyView
from control_plane.documents import Document, DocumentStore, Folder
from control_plane.documents.folder import Known
from control_plane.routing import Bypass, Viewer
from control_plane.routing.policy import FREE, Judged, PolicyRules, Verdict

FAMILY: Final = "policies"
DEFAULT: Final = "default"

Entry = Callable[[PackageAnnouncement, Viewer], str]
"""Tells the key of the multivariant playlist for a viewer of a package."""
MOST_POLICIES: Final = 10_000


class PolicyUnknown(NearcastError):
    """There is no policy {name!r}."""

    status = 404


class TooManyPolicies(NearcastError):
    """There are {limit} policies, and no more are taken: remove one first."""

    status = 409


class RouteDenied(NearcastError):
    """Asset {asset_id!r} may not be watched from here: {reason}."""

    status = 403
    headers: ClassVar[dict[str, str]] = {"Cache-Control": "private, no-store"}


class RouteBypassed(NearcastError):
    """Asset {asset_id!r} is served from elsewhere: {url}"""

    # Who is steered asks no more (rfc8216bis §7.2).
    status = 410
    headers: ClassVar[dict[str, str]] = {"Cache-Control": "private, no-store"}

    def __init__(self, bypass: Bypass) -> None:
        super().__init__(asset_id=bypass.package.asset_id, url=bypass.play)
        self.bypass = bypass


class Policies:
    """Knows who may watch what."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self.folder: Folder[Mapping[str, PolicyRules]] = Folder(store, FAMILY, _meaning, clock)

    def judge(self, package: PackageAnnouncement, viewer: Viewer) -> tuple[str, Verdict]:
        """What becomes of a viewer of ``package``, and the name of the policy that says so; empty
        where none does."""
        rules = self.folder.meant
        if not rules:
            return "", FREE
        creator = f"creators/{package.creator}" if package.creator is not None else DEFAULT
        for name in (f"assets/{package.asset_id}", creator, DEFAULT):
            found = rules.get(name)
            if found is not None:
                return name, found.judge(viewer.address, viewer.place)
        return "", FREE

    def check(self, package: PackageAnnouncement, viewer: Viewer, entry: Entry) -> None:
        """Does nothing when ``viewer`` is to be routed to one of the edges.

        Args:
            package: the version that it asks for.
            viewer: who asks.
            entry: tells what it plays, where it gets that from elsewhere.

        Raises:
            RouteDenied: it may not watch; where players are to be sent instead, ``facts`` has that
                as ``url``.
            RouteBypassed: it gets the asset from elsewhere, from ``url`` in ``facts``.
        """
        _, verdict = self.judge(package, viewer)
        if verdict.judged is Judged.ALLOWED:
            return
        url = verdict.url
        if verdict.judged is Judged.DENIED:
            elsewhere = {"url": url} if url is not None else {}
            raise RouteDenied(asset_id=package.asset_id, reason=verdict.reason, **elsewhere)
        assert url is not None, "there is no bypass without one"
        raise RouteBypassed(Bypass(package, entry(package, viewer), url))

    async def tell(self, name: str, policy: Policy, *, by: str) -> PolicyView:
        """Takes a policy in place of the one of its name; durable when this returns.

        Args:
            name: ``default``, ``creators/ID`` or ``assets/ID``; neither need exist yet.
            policy: what holds from now on.
            by: the operator's name.

        Raises:
            PolicyInvalid: it contradicts itself.
            TooManyPolicies: there are as many as may be.
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        known = self.folder.known
        if name not in known and len(known) >= MOST_POLICIES:
            raise TooManyPolicies(limit=MOST_POLICIES)
        PolicyRules(policy)
        return _view(await self.folder.put(name, encode(policy), by=by))

    async def forget(self, name: str, *, by: str) -> None:
        """Takes a policy away; what is less special holds from now on.

        Raises:
            PolicyUnknown: there is none.
            Unavailable: the database does not answer.
        """
        if not await self.folder.delete(name, by=by):
            raise PolicyUnknown(name=name)

    def view(self, name: str) -> PolicyView:
        """The policy ``name``.

        Raises:
            PolicyUnknown: there is none.
        """
        document = self.folder.known.get(name)
        if document is None:
            raise PolicyUnknown(name=name)
        return _view(document)

    def views(self) -> list[PolicyView]:
        """All policies, by name."""
        return [_view(document) for _, document in sorted(self.folder.known.items())]


def _view(document: Document) -> PolicyView:
    policy = decode(document.body, Policy)
    return PolicyView(document.name, policy, document.by, document.at)


def _meaning(known: Known) -> dict[str, PolicyRules]:
    return {name: PolicyRules(decode(told.body, Policy)) for name, told in known.items()}
