"""What viewers take of each asset, for the control plane: popularity decides what is kept where.

Counting is two additions to an object that whoever answers has at hand, since it is a part of what
every hit costs.
"""

import heapq
import re
from collections.abc import Iterable
from typing import Final

from common.messages import Watched
from common.messages.packages import IDENTIFIER_PATTERN

MOST_ASSETS: Final = 10_000
"""Assets that are counted at the same time; of further ones nothing is told."""
MOST_TOLD: Final = 1000
"""Assets in a heartbeat, those with the most bytes."""
FORGOTTEN_AFTER: Final = 60.0
"""Seconds, at least, that an asset is remembered for; an answer may take as long to send."""

_KEY = re.compile(rf"v/({IDENTIFIER_PATTERN})/")


class Watch:
    """Counts what is taken of one asset."""

    __slots__ = ("bytes", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0

    def note(self, sent: int) -> None:
        """Counts an answer with ``sent`` bytes of content."""
        self.requests += 1
        self.bytes += sent


NOBODY_ASKS: Final = Watch()
"""For answers that need not be counted."""


class Watches:
    """Counts what is taken through one process."""

    def __init__(self) -> None:
        self._lately: dict[str, Watch] = {}
        self._before: dict[str, Watch] = {}
        self._turned_at = 0.0

    def of(self, key: str) -> Watch:
        """What counts the answers with the object ``key``, for about a minute from now on."""
        found = _KEY.match(key)
        if found is None:
            return NOBODY_ASKS
        asset = found[1]
        watch = self._lately.get(asset)
        if watch is None:
            if len(self._lately) >= MOST_ASSETS:
                return NOBODY_ASKS
            watch = self._lately[asset] = self._before.pop(asset, Watch())
        return watch

    def take(self, now: float) -> tuple[Watched, ...]:
        """The assets that were taken most of since the last time; ``now`` is in seconds of a clock
        that never goes back."""
        counted = [
            (watch.bytes, asset, watch)
            for watches in (self._before, self._lately)
            for asset, watch in watches.items()
            if watch.requests
        ]
        most = heapq.nlargest(MOST_TOLD, counted)
        told = tuple(Watched(asset, watch.requests, sent) for sent, asset, watch in most)
        for _, _, watch in counted:
            watch.requests = watch.bytes = 0
        if now - self._turned_at >= FORGOTTEN_AFTER:
            self._turned_at = now
            self._before, self._lately = self._lately, {}
        return told


class Gathered:
    """What several have counted until it is told."""

    def __init__(self) -> None:
        self._assets: dict[str, tuple[int, int]] = {}

    def add(self, watched: Iterable[Watched]) -> None:
        """Takes in what one has counted."""
        for each in watched:
            requests, sent = self._assets.get(each.asset_id, (0, 0))
            if requests or len(self._assets) < 2 * MOST_ASSETS:
                self._assets[each.asset_id] = (requests + each.requests, sent + each.bytes)

    def take(self) -> tuple[Watched, ...]:
        """The assets that were taken most of, and begins anew."""
        assets, self._assets = self._assets, {}
        most = heapq.nlargest(MOST_TOLD, assets.items(), key=lambda each: (each[1][1], each[0]))
        return tuple(Watched(asset, requests, sent) for asset, (requests, sent) in most)
