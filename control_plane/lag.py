"""How long after its publish a package can be played in each region."""

from collections.abc import Callable
from typing import Final

from common.clock import Clock
from common.messages import PackageName
from control_plane.catalog import EdgeRecord
from control_plane.library import Library

LONGEST: Final = 3600.0
"""Seconds; what is held later than that was not filled because it was published."""
REMEMBERED: Final = 10_000
"""Packages and regions that are remembered to be counted once."""


class PublishLag:
    """Tells the time between a publish and the first edge of each region that holds it whole."""

    def __init__(
        self,
        library: Library,
        clock: Clock,
        others_hold: Callable[[EdgeRecord, PackageName], bool],
        observe: Callable[[str, float], None],
    ) -> None:
        """``others_hold`` tells whether another edge of an edge's region holds a package, and
        ``observe`` is told a region and its seconds."""
        self._library = library
        self._clock = clock
        self._others_hold = others_hold
        self._observe = observe
        self._counted: dict[tuple[str, PackageName], None] = {}

    def completed(self, record: EdgeRecord, name: PackageName) -> None:
        """An edge tells that it holds the whole of a package. Where another one did before, perhaps
        by the word of another control plane or before a restart, that one was the first."""
        asset = self._library.history.assets.get(name.asset_id)
        package = asset.package(name.version) if asset else None
        if package is None or (record.region, name) in self._counted:
            return
        seconds = self._clock.now() - package.published_at
        if not 0 <= seconds <= LONGEST:
            return
        if self._others_hold(record, name):
            return
        self._counted[record.region, name] = None
        if len(self._counted) > REMEMBERED:
            del self._counted[next(iter(self._counted))]
        self._observe(record.region, seconds)
