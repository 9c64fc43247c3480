"""How far edges are with purges. Pure."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from common.messages import EdgePurge, EdgePurgeState, PurgeState, PurgeView
from control_plane.purge.records import PurgeRecord

REMEMBERED: Final = 128
"""Acknowledgements of an edge whose times are remembered."""


@dataclass(frozen=True)
class KnownEdge:
    """What else is known of an edge."""

    edge_id: str
    away: bool
    """Whether it is not heard of; it catches up before it serves again."""
    purges: int
    """The number of the last purge that it has carried out, as its heartbeat says."""


class _Acknowledgements:
    """The numbers up to which an edge has acknowledged, and when."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.times: list[float] = []

    @property
    def last(self) -> int:
        return self.numbers[-1] if self.numbers else 0

    def note(self, sequence: int, now: float) -> None:
        if sequence < self.last:
            # The edge began anew, or goes by another log than before.
            self.numbers, self.times = [], []
        self.numbers.append(sequence)
        self.times.append(now)
        if len(self.numbers) > 2 * REMEMBERED:
            del self.numbers[:REMEMBERED], self.times[:REMEMBERED]

    def time_of(self, sequence: int) -> float | None:
        """When it acknowledged ``sequence``; None when that is not remembered."""
        found = bisect.bisect_left(self.numbers, sequence)
        # What was acknowledged first may have been carried out long before.
        return self.times[found] if 0 < found < len(self.numbers) else None


class Progress:
    """What each edge has acknowledged."""

    def __init__(self) -> None:
        self._edges: dict[str, _Acknowledgements] = {}

    def note(self, edge_id: str, sequence: int, *, head: int, now: float) -> bool:
        """Takes it that ``edge_id`` has carried out all purges up to number ``sequence``; whether
        that is news.

        What is beyond ``head``, the last number there is, is not of this log.
        """
        if sequence > head:
            return False
        known = self._edges.setdefault(edge_id, _Acknowledgements())
        if known.numbers and sequence == known.last:
            return False
        known.note(sequence, now)
        return True

    def note_heartbeats(self, edges: Iterable[KnownEdge], *, head: int, now: float) -> None:
        """Takes what edges told other control planes, as ``note``. It may be older than what they
        told this one: it never takes anything back."""
        for edge in edges:
            if edge.purges > self.reached(edge.edge_id):
                self.note(edge.edge_id, edge.purges, head=head, now=now)

    def reached(self, edge_id: str) -> int:
        """The number up to which an edge has carried purges out."""
        known = self._edges.get(edge_id)
        return known.last if known is not None else 0

    def floor(self, edges: Iterable[KnownEdge], *, head: int) -> int:
        """The number up to which all ``edges`` that are not away have carried purges out."""
        return min((self.reached(edge.edge_id) for edge in edges if not edge.away), default=head)

    def view(self, purge: PurgeRecord, edges: Iterable[KnownEdge]) -> PurgeView:
        """A purge as people see it."""
        shown = tuple(self._edge(purge, edge) for edge in edges)
        pending = any(edge.state is EdgePurgeState.PENDING for edge in shown)
        return PurgeView(
            purge_id=purge.purge_id,
            sequence=purge.sequence,
            scope=purge.scope,
            value=purge.value,
            soft=purge.soft,
            state=PurgeState.PURGING if pending else PurgeState.DONE,
            by=purge.by,
            created_at=purge.at,
            edges=shown,
        )

    def _edge(self, purge: PurgeRecord, edge: KnownEdge) -> EdgePurge:
        if self.reached(edge.edge_id) >= purge.sequence:
            at = self._edges[edge.edge_id].time_of(purge.sequence)
            return EdgePurge(edge.edge_id, EdgePurgeState.CONFIRMED, at)
        away = EdgePurgeState.AWAY if edge.away else EdgePurgeState.PENDING
        return EdgePurge(edge.edge_id, away)
