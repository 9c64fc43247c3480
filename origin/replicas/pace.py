"""A bound on how fast bytes are copied, so that copying leaves room for viewers."""

from dataclasses import dataclass
from typing import Final

AHEAD: Final = 1.0
"""Seconds' worth of bytes that may go at once after a rest."""


@dataclass(slots=True)
class Pace:
    """Spreads bytes over time."""

    rate: int
    """Bits per second; 0 for no bound."""
    free_at: float = 0.0
    """When what has gone so far will have had its time."""

    def wait(self, size: int, now: float) -> float:
        """Notes that ``size`` bytes go; the seconds to wait after them, at the time ``now``."""
        if not self.rate:
            return 0.0
        self.free_at = max(self.free_at, now - AHEAD) + size * 8 / self.rate
        return max(0.0, self.free_at - now)
