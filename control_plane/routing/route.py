"""Who asks, and where they are sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import overload

import msgspec

from common.messages import PackageAnnouncement
from control_plane.routing.bandwidth import UNKNOWN_BANDWIDTH, Bandwidth
from control_plane.routing.clients import Address
from control_plane.routing.device import UNKNOWN_DEVICE, Device
from control_plane.routing.estimates import Estimate
from control_plane.routing.place import NOWHERE, Place
from control_plane.routing.policy import placed
from control_plane.routing.profile import WHATEVER, Chosen
from control_plane.routing.rank import EdgeFacts


class Viewer(msgspec.Struct, frozen=True):
    """A client, as far as it is known."""

    address: Address
    place: Place = NOWHERE
    estimate: Estimate | None = None
    """What its network carries; None when nobody has told."""
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    """What of its request's fields counts, with names in lower case."""
    query: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The parameters of its request."""
    session: str = ""
    """The playback that it asks for, where it names one."""


class Route(msgspec.Struct, frozen=True, dict=True):
    """Where one viewer of one asset is sent."""

    package: PackageAnnouncement
    viewer: Viewer
    edges: Sequence[EdgeFacts]
    """Best first; at least one."""
    entry: str
    """Key of the multivariant playlist for this viewer."""
    opener: Callable[[], str] = str
    """Makes ``opening``, once somebody wants it."""
    query: str = ""
    """What stands behind the URLs that it is sent to: a query with its ``?``, or nothing."""
    chosen: Chosen = WHATEVER
    """Which playlist ``entry`` is, and why."""
    device: Device = UNKNOWN_DEVICE
    network: Bandwidth = UNKNOWN_BANDWIDTH

    @cached_property
    def opening(self) -> str:
        """What stands before every path that this viewer may read, such as ``/t/TOKEN``; raises as
        ``opener``."""
        return self.opener()

    @property
    def best(self) -> EdgeFacts:
        """The edge that the viewer is sent to."""
        return self.edges[0]

    @property
    def play(self) -> str:
        """The URL that the viewer is sent to."""
        return self.url(self.best, self.entry)

    @overload
    def url(self, edge: EdgeFacts, key: str) -> str: ...
    @overload
    def url(self, edge: EdgeFacts, key: str | None) -> str | None: ...
    def url(self, edge: EdgeFacts, key: str | None) -> str | None:
        """The URL of an object on ``edge`` for this viewer; None for no object."""
        if key is None:
            return None
        return f"{edge.url.rstrip('/')}{self.opening}/{key}{self.query}"


@dataclass(frozen=True)
class Bypass:
    """Where one viewer of one asset gets it when the edges do not serve it."""

    package: PackageAnnouncement
    entry: str
    """Key of the multivariant playlist for this viewer."""
    template: str
    """The policy's ``bypass_url``."""

    @property
    def play(self) -> str:
        """The URL that the viewer is sent to."""
        return self._placed(self.entry)

    def url(self, key: str | None) -> str | None:
        """The URL of another object; None for no object, and where the policy does not say where
        objects are."""
        names = {name for _, name, _, _ in Formatter().parse(self.template)}
        return self._placed(key) if key is not None and "path" in names else None

    def _placed(self, key: str) -> str:
        package = self.package
        return placed(self.template, path=key, asset_id=package.asset_id, version=package.version)
