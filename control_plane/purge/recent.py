"""The log of purges as a control plane has it in memory, to tell edges without asking anybody.

Pure.
"""

from collections.abc import Sequence
from typing import Final

from common.messages import OrderedPurge, OrderedPurges
from control_plane.purge.records import PurgeRecord

KEPT: Final = 100_000
"""Purges that are kept, here and in the log: some 30 MB."""
TOLD_AT_ONCE: Final = 5000
"""Purges in one answer to an edge."""


class RecentPurges:
    """The last purges, without gaps."""

    def __init__(self, *, after: int = 0, kept: int = KEPT) -> None:
        """Has none yet; the first that it takes is the one after number ``after``."""
        self._kept = kept
        self._purges: list[OrderedPurge] = []
        self._answer: OrderedPurges | None = None
        """The last answer: edges that keep up all ask the same."""
        self.head = after
        """The number of the last purge there is."""
        self.told = after
        """The number of the last purge that edges are told of."""

    @property
    def last(self) -> OrderedPurge | None:
        """The last purge; None before the first."""
        return self._purges[-1] if self._purges else None

    def take(self, records: Sequence[PurgeRecord]) -> bool:
        """Takes those of ``records``, in order, that it does not have, up to the first that does
        not follow on the one before; whether it has all of them now."""
        for record in records:
            if record.sequence > self.head + 1:
                return False
            if record.sequence > self.head:
                self._purges.append(record.ordered)
                self.head = record.sequence
        if len(self._purges) > self._kept + self._kept // 10:
            # Now and then, for it moves all the others.
            del self._purges[: -self._kept]
        return True

    def has(self, record: PurgeRecord) -> bool:
        """Whether ``record`` is the purge that is known under its number."""
        place = len(self._purges) - 1 - (self.head - record.sequence)
        return 0 <= place < len(self._purges) and self._purges[place].purge_id == record.purge_id

    def since(self, sequence: int) -> OrderedPurges:
        """What an edge is told that has carried out all purges up to number ``sequence``."""
        answer = self._answer
        if answer is not None and (answer.since, answer.head) == (sequence, self.told):
            return answer
        start = len(self._purges) - (self.head - sequence)
        if start < 0 or sequence > self.head:
            # The edge's number is from before all of these, or of another log.
            return OrderedPurges(sequence, self.told, (), lost=True)
        count = min(self.told - sequence, TOLD_AT_ONCE)
        purges = tuple(self._purges[start : start + max(0, count)])
        self._answer = OrderedPurges(sequence, self.told, purges)
        return self._answer

    def tell(self) -> None:
        """Has edges told of all there are."""
        self.told = self.head
