"""How full an edge is, and how many of the viewers that come to it it may have. Pure.

What an edge tells of its load is a second old, and says nothing of the viewers who were sent there
since. So what was sent is counted as well, and fades as heartbeats begin to tell of it.

A hot asset leaves its edge before that suffers, and not all at once: from ``BEGINS`` of what the
edge can do a growing part of its viewers goes to the next edge, until at its limit nobody new
comes. The limit is that of consistent hashing with bounded loads (Mirrokni, Thorup and
Zadimoghaddam, SODA 2018): no edge carries more than ``BOUND`` times what the others of its region
carry on average, once it is busy. Regions spill to the next one alike, later.
"""

import math
from dataclasses import dataclass
from typing import Final

BEGINS: Final = 0.7
"""Load at which an edge begins to leave viewers to others."""
LIMITS: Final = (0.8, 0.95)
"""Loads at which it leaves all of them: where the others of its region have little to do, and where
they have as much."""
BOUND: Final = 1.25
"""How many times the average of the others an edge may carry, between the limits."""
REGION_BEGINS, REGION_FULL = 0.85, 0.98
"""Loads of a whole region at which it begins to leave viewers to other regions, and leaves all."""
TOLD_AFTER: Final = 5.0
"""Seconds over which edges average what they tell, about: after as many, what was sent is told of
by 63 %."""
FORGOTTEN: Final = 1000.0
"""Bits per second; what is left of less is nothing."""


def told_load(*, sending: float, bandwidth: float, processors: float) -> float:
    """The load of which a heartbeat tells, 0 to 1 or more.

    Args:
        sending: bits per second that it sends.
        bandwidth: bits per second that it can; 0 when nobody knows, and then only processors count.
        processors: the part of their time that is used.
    """
    return max(processors, sending / bandwidth if bandwidth > 0 else 0.0)


def limit(others: float | None) -> float:
    """The load at which an edge takes nobody new, where the others of its region carry ``others``
    on average; None for no others."""
    least, most = LIMITS
    return most if others is None else min(most, max(least, BOUND * others))


def accepted(load: float, others: float | None) -> float:
    """The part of the viewers who come to an edge that it takes at ``load``, 1 to 0. Never more for
    a higher load of its own, never less for a higher one of ``others``."""
    if load <= BEGINS:
        return 1.0
    bound = limit(others)
    return max(0.0, (bound - load) / (bound - BEGINS))


def open_part(load: float) -> float:
    """The part of its viewers that a region keeps at ``load``, the average of its edges, 1 to 0."""
    return min(1.0, max(0.0, (REGION_FULL - load) / (REGION_FULL - REGION_BEGINS)))


@dataclass(slots=True)
class _Sent:
    rate: float
    at: float


class Sent:
    """What edges were sent that their heartbeats do not tell of yet."""

    def __init__(self) -> None:
        self._edges: dict[str, _Sent] = {}

    def __len__(self) -> int:
        return len(self._edges)

    def add(self, edge_id: str, rate: float, now: float) -> None:
        """One more viewer went to an edge.

        Args:
            edge_id: which.
            rate: bits per second that this takes of it, as far as can be expected.
            now: seconds on a monotonic clock.
        """
        known = self._edges.get(edge_id)
        if known is None:
            self._edges[edge_id] = _Sent(rate, now)
            return
        known.rate = _faded(known, now) + rate
        known.at = max(known.at, now)

    def to(self, edge_id: str, now: float) -> float:
        """Bits per second that an edge will have to send besides what it tells."""
        known = self._edges.get(edge_id)
        if known is None:
            return 0.0
        rate = _faded(known, now)
        if rate < FORGOTTEN:
            del self._edges[edge_id]
            return 0.0
        return rate


def _faded(sent: _Sent, now: float) -> float:
    return sent.rate * math.exp(-max(0.0, now - sent.at) / TOLD_AFTER)
