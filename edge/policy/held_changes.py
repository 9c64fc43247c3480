"""Which packages of an edge's holdings changed, so that only those are told.

Every change gets the next number; a revision is the edge's run and the number of the last change.
"""

from dataclasses import dataclass

from common.messages import PackageName

MOST_DROPPED = 10_000
"""Packages held no more that are remembered; who knows an older revision is told all."""


@dataclass(frozen=True)
class Changed:
    """What differs from an earlier revision."""

    held: tuple[PackageName, ...]
    dropped: tuple[PackageName, ...]


class HeldChanges:
    """Numbers the changes of one run of an edge."""

    def __init__(self, run: str) -> None:
        """``run`` is no other run's of any edge that has the same name."""
        self._run = run
        self._last = 0
        self._reaches_to = 0
        # In the order of their last change.
        self._held: dict[PackageName, int] = {}
        self._dropped: dict[PackageName, int] = {}

    @property
    def revision(self) -> str:
        """Names what is held; changes whenever that does."""
        return f"{self._run}-{self._last}"

    def hold(self, name: PackageName) -> None:
        """Notes that more, or less, is held of a package."""
        self._dropped.pop(name, None)
        self._number(self._held, name)

    def drop(self, name: PackageName) -> None:
        """Notes that a package counts as held no more."""
        self._held.pop(name, None)
        self._number(self._dropped, name)
        if len(self._dropped) > MOST_DROPPED:
            oldest = next(iter(self._dropped))
            self._reaches_to = self._dropped.pop(oldest)

    def _number(self, changes: dict[PackageName, int], name: PackageName) -> None:
        self._last += 1
        changes.pop(name, None)
        changes[name] = self._last

    def since(self, revision: str) -> Changed | None:
        """What changed since ``revision``; None when that is unknown, or too long ago."""
        run, _, told = revision.rpartition("-")
        if run != self._run or not told.isdecimal() or not told.isascii():
            return None
        number = int(told[:20])
        if not self._reaches_to <= number <= self._last:
            return None
        return Changed(_after(self._held, number), _after(self._dropped, number))


def _after(changes: dict[PackageName, int], number: int) -> tuple[PackageName, ...]:
    names: list[PackageName] = []
    for name, changed in reversed(changes.items()):
        if changed <= number:
            break
        names.append(name)
    return tuple(reversed(names))
