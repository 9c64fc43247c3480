"""When an edge may fill itself with what is not urgent: some hours of its local day.

The clock on the wall decides. An hour that a change to summer time leaves out is never in a window,
and one that is there twice in autumn is in it twice.
"""

from dataclasses import dataclass
from datetime import datetime, time, tzinfo

_STEP = 60
"""Seconds between moments that are looked at: windows and offsets from UTC are whole minutes."""
_FARTHEST = 3 * 24 * 3600
"""Seconds within which every window opens, whatever a change of the clocks leaves out."""


@dataclass(frozen=True)
class FillWindow:
    """Hours of every day, perhaps over midnight."""

    start: time
    stop: time
    """The first minute that is not in it; the same as ``start`` for all day."""
    zone: tzinfo | None = None
    """Where the clock hangs; None is the machine's own zone."""

    @classmethod
    def of(cls, text: str, zone: tzinfo | None = None) -> "FillWindow":
        """The window that ``text`` tells, such as ``22:00-06:30``.

        Raises:
            ValueError: it tells none.
        """
        start, _, stop = text.partition("-")
        return cls(time.fromisoformat(start), time.fromisoformat(stop), zone)

    def is_open(self, now: float) -> bool:
        """Whether ``now``, in POSIX seconds, is in it."""
        there = datetime.fromtimestamp(now, self.zone).time()
        if self.start < self.stop:
            return self.start <= there < self.stop
        return there >= self.start or there < self.stop

    def opens(self, now: float, within: float = _FARTHEST) -> float:
        """From when on it is open, in POSIX seconds: ``now`` if it is; at most ``within`` seconds
        later, whether it is open then or not."""
        if self.is_open(now):
            return now
        first, last = int(now // _STEP + 1) * _STEP, now + within
        moments = range(first, int(last) + 1, _STEP)
        return next((float(moment) for moment in moments if self.is_open(moment)), last)


@dataclass(frozen=True)
class FillPlan:
    """When what is not urgent is filled, and at which rate."""

    window: FillWindow | None = None
    """None for always."""
    rate: int = 0
    """Bits per second in the window; 0 for no limit."""
    rate_outside: int | None = None
    """Those outside it; None when nothing is filled then."""

    def allows(self, now: float) -> bool:
        """Whether what is not urgent may be filled at ``now``."""
        return self.window is None or self.rate_outside is not None or self.window.is_open(now)

    def bytes_per_second(self, now: float) -> float:
        """The rate at ``now``; 0 for no limit."""
        inside = self.window is None or self.window.is_open(now)
        bits = self.rate if inside or self.rate_outside is None else self.rate_outside
        return bits / 8

    def wait(self, now: float, most: float) -> float:
        """Seconds from ``now`` until what is not urgent may be filled; ``most`` when it is more."""
        if self.window is None or self.allows(now):
            return 0.0
        return self.window.opens(now, most) - now
