"""In which order an edge fills itself."""

import heapq
from collections.abc import Iterable

from common.messages import DesiredPackage, ManifestObject, PackageName

Rank = tuple[float, tuple[int, ...], PackageName]


def rank(package: DesiredPackage) -> Rank:
    """What sorts packages: the newest of urgent ones first, of others those of most use.

    Names of versions sort by the time they were made.
    """
    newest = (*(-ord(character) for character in package.version), 1)
    name = PackageName(package.asset_id, package.version)
    return (-2.0 if package.urgent else -package.priority, newest, name)


def object_order(objects: Iterable[ManifestObject]) -> list[ManifestObject]:
    """What every viewer needs first: playlists, then pictures and init segments, then media.

    Within media the small objects come first, which are the renditions that start playback.
    """
    return sorted(objects, key=lambda item: (_stage(item), item.size, item.key))


def _stage(item: ManifestObject) -> int:
    if item.key.endswith(".m3u8"):
        return 0
    return 2 if item.key.endswith((".m4s", ".ts")) else 1


class FillQueue:
    """Packages that have something to be filled. Times are in seconds of a steady clock."""

    def __init__(self) -> None:
        self._known: dict[PackageName, tuple[int, bool, Rank]] = {}
        """With the number of the entry that counts; others are passed over."""
        self._last = 0
        self._urgent: list[tuple[Rank, int]] = []
        self._others: list[tuple[Rank, int]] = []
        self._later: list[tuple[float, int, PackageName]] = []

    def __len__(self) -> int:
        return len(self._known)

    def put(self, package: DesiredPackage, at: float = 0.0) -> None:
        """Takes in a package, whose turn comes no sooner than ``at``; in place of its entry."""
        ranked = rank(package)
        self._last += 1
        self._known[ranked[2]] = (self._last, package.urgent, ranked)
        if at > 0:
            heapq.heappush(self._later, (at, self._last, ranked[2]))
        else:
            self._enter(self._last, package.urgent, ranked)
        if len(self._urgent) + len(self._others) + len(self._later) > 4 * len(self._known) + 64:
            self._tidy()

    def _enter(self, number: int, urgent: bool, ranked: Rank) -> None:
        heapq.heappush(self._urgent if urgent else self._others, (ranked, number))

    def remove(self, name: PackageName) -> None:
        """Takes out a package, if it is here."""
        self._known.pop(name, None)

    def first(self, now: float, *, urgent_only: bool) -> PackageName | None:
        """Whose turn it is at ``now``; it stays here. None when nobody's is."""
        while self._later and (self._later[0][0] <= now or self._is_old(*self._later[0][1:])):
            _, number, name = heapq.heappop(self._later)
            if not self._is_old(number, name):
                self._enter(*self._known[name])
        for heap in (self._urgent,) if urgent_only else (self._urgent, self._others):
            while heap:
                ranked, number = heap[0]
                if not self._is_old(number, ranked[2]):
                    return ranked[2]
                heapq.heappop(heap)
        return None

    def next_at(self) -> float | None:
        """When the next turn comes that has to wait; None when none has to."""
        while self._later and self._is_old(*self._later[0][1:]):
            heapq.heappop(self._later)
        return self._later[0][0] if self._later else None

    def _is_old(self, number: int, name: PackageName) -> bool:
        known = self._known.get(name)
        return known is None or known[0] != number

    def _tidy(self) -> None:
        """Drops what is passed over."""
        for heap in (self._urgent, self._others):
            heap[:] = [one for one in heap if not self._is_old(one[1], one[0][2])]
            heapq.heapify(heap)
        self._later = [one for one in self._later if not self._is_old(*one[1:])]
        heapq.heapify(self._later)
