"""How long to wait after bytes have come, so that filling keeps to a rate: a leaky bucket."""

AT_ONCE = 0.1
"""Seconds' worth of bytes that may come at once after a pause."""


class FillRate:
    """The bytes of all transfers that share one rate."""

    def __init__(self) -> None:
        self._level = 0.0
        """Bytes that have come and that time has not made up for."""
        self._at = 0.0

    def take(self, size: int, rate: float, now: float) -> float:
        """Takes note of ``size`` bytes that have come.

        Args:
            size: how many.
            rate: bytes per second; 0 for no limit.
            now: seconds of a clock that is never set back.

        Returns:
            Seconds to wait before more are taken.
        """
        passed, self._at = max(0.0, now - self._at), now
        if rate <= 0:
            self._level = 0.0
            return 0.0
        self._level = max(0.0, self._level - passed * rate) + size
        return max(0.0, self._level / rate - AT_ONCE)
