"""How often edges are told of purges, so that a storm of purges is no storm of answers. Pure."""

from typing import Final

ANSWERS_PER_SECOND: Final = 1500.0
"""Answers to edges that purges may cause."""
ANSWERS_AT_ONCE: Final = 1500.0
"""Answers that may be saved up: as long as there are some, edges are told of a purge at once."""


class Pace:
    """Answers that may be given, which come back with time."""

    def __init__(self, now: float) -> None:
        self._left = ANSWERS_AT_ONCE
        self._at = now

    def delay(self, edges: int, now: float) -> float:
        """Seconds until ``edges`` may be told."""
        self._refill(now)
        # More edges than answers that may be saved up are told when all are.
        missing = min(float(edges), ANSWERS_AT_ONCE) - self._left
        return max(0.0, missing / ANSWERS_PER_SECOND)

    def tell(self, edges: int, now: float) -> None:
        """Takes it that ``edges`` are told."""
        self._refill(now)
        self._left -= edges

    def _refill(self, now: float) -> None:
        self._left = min(ANSWERS_AT_ONCE, self._left + (now - self._at) * ANSWERS_PER_SECOND)
        self._at = now
