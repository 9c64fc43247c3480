"""Whether a store is well, so that a dead one does not cost every read its timeout.

It is away after failures in a row, and back after the first answer. Nobody who waits for an object
tries whether it is: that is asked at a slow pace beside.
"""

from dataclasses import dataclass
from typing import Final

FAILURES: Final = 2
"""Failures in a row after which a store is away."""


@dataclass(slots=True)
class StoreHealth:
    """What is known of one store."""

    failures: int = 0
    """In a row."""
    reason: str = ""
    """Why it failed last, in one sentence."""

    @property
    def away(self) -> bool:
        """Whether it is left alone."""
        return self.failures >= FAILURES

    def succeeded(self) -> bool:
        """Notes that it answered; whether it was away before."""
        was_away = self.away
        self.failures, self.reason = 0, ""
        return was_away

    def failed(self, reason: str) -> bool:
        """Notes that it did not; whether it is away from now on."""
        self.failures += 1
        self.reason = reason
        return self.failures == FAILURES
