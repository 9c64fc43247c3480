"""What an edge holds, by package, and what is other of it than before."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from common.messages import HeldPackage, Holdings, HoldingsChange, PackageName

LOOKED_AT_ONCE: Final = 1000
"""Packages, of which nobody is kept waiting: a millisecond."""


class Held:
    """What one edge holds."""

    def __init__(self, told: Holdings) -> None:
        self.revision = told.revision
        self.packages = {name_of(each): each for each in told.packages}
        self.saved_at: float | None = None
        self._listed: tuple[HeldPackage, ...] | None = None

    @property
    def listed(self) -> tuple[HeldPackage, ...]:
        """All of it."""
        if self._listed is None:
            self._listed = tuple(self.packages.values())
        return self._listed

    def change(self, change: HoldingsChange) -> None:
        """Goes on with what changed."""
        for name in change.dropped:
            self.packages.pop(name, None)
        for package in change.packages:
            self.packages[name_of(package)] = package
        self.revision = change.revision
        self._listed = None

    def told(self, edge_id: str) -> Holdings:
        """It, as an edge tells it."""
        return Holdings(edge_id, self.revision, self.listed)


def made_anew(told: Holdings, known: Held | None) -> tuple[Held, list[PackageName]]:
    """What an edge holds, and the packages that it may hold whole now and did not before, or did.

    For a thread: ``known`` may change meanwhile.
    """
    held = Held(told)
    before = dict(known.packages) if known is not None else {}
    touched = [name for name, each in held.packages.items() if not _same(before.get(name), each)]
    touched += [name for name in before if name not in held.packages]
    return held, touched


def _same(before: HeldPackage | None, now: HeldPackage) -> bool:
    return before is not None and before.complete == now.complete


def in_portions(names: Iterable[PackageName]) -> Iterator[list[PackageName]]:
    """All of ``names``, so many at once that nobody is kept waiting."""
    rest = iter(names)
    while portion := list(itertools.islice(rest, LOOKED_AT_ONCE)):
        yield portion


def completed(known: Held | None, told: Iterable[HeldPackage]) -> list[PackageName]:
    """What of ``told`` is whole, and was not before."""
    before = known.packages if known else {}
    return [
        name
        for package in told
        if package.complete
        and ((held := before.get(name := name_of(package))) is None or not held.complete)
    ]


def name_of(package: HeldPackage) -> PackageName:
    """The package's name."""
    return PackageName(package.asset_id, package.version)
