"""Where time comes from: a port, so that effects can be tested with a clock that a test moves.

Pure modules never take a clock; they take ``now``, a POSIX time in seconds, as an argument.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Reads the time."""

    def now(self) -> float:
        """POSIX time, in seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...


class SystemClock:
    """The machine's own clock."""

    # Not wrapped: it is read several times for each request.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
