"""Which origin to ask: the first in the operator's order that is not known to be down.

Health is passive: it is learnt from the requests that are made anyway. After failures in a row an
origin is left alone for a while, each time twice as long; then one request at a time tries it.
"""

from dataclasses import dataclass

FAILURES = 3
"""Failures in a row after which an origin is down."""
FIRST_PAUSE = 5.0
"""Seconds that it is then left alone."""
LONGEST_PAUSE = 60.0
"""Seconds that the pause, doubled at each failed trial, grows to."""


@dataclass(slots=True)
class Health:
    """What is known of one origin. Times are in seconds of any steady clock."""

    failures: int = 0
    """In a row."""
    pause: float = 0.0
    """How long it was left alone last; 0 while it is up."""
    down_until: float = 0.0
    failed_at: float = 0.0
    trying: bool = False
    """Whether a request tries whether it is up again."""
    patience: int = FAILURES
    """Failures in a row after which it is down."""

    def usable(self, now: float) -> bool:
        """Whether a request may go to it."""
        if self.pause == 0:
            return True
        return now >= self.down_until and not self.trying

    def began(self) -> None:
        """Notes that a request goes to it."""
        self.trying = self.pause > 0

    def succeeded(self) -> None:
        """Notes that it answered."""
        self.failures, self.pause, self.down_until, self.trying = 0, 0.0, 0.0, False

    def failed(self, now: float) -> None:
        """Notes that it did not answer, or with an error of its own."""
        self.failures += 1
        self.failed_at = now
        self.trying = False
        # Requests that were under way when it went down say nothing new.
        if self.failures >= self.patience and now >= self.down_until:
            self.pause = min(self.pause * 2, LONGEST_PAUSE) if self.pause else FIRST_PAUSE
            self.down_until = now + self.pause

    def leave_alone(self, now: float, seconds: float) -> None:
        """Notes that it is not to be asked for so long."""
        self.pause = max(self.pause, FIRST_PAUSE)
        self.down_until = max(self.down_until, now + seconds)

    def abandoned(self) -> None:
        """Notes that a request ended for reasons that say nothing about it."""
        self.trying = False


def order_to_try(origins: list[Health], now: float) -> list[int]:
    """The indices of ``origins`` in the order in which to try them.

    The usable ones in their own order; when none is, the one that has not failed for longest.
    """
    usable = [index for index, health in enumerate(origins) if health.usable(now)]
    if usable:
        return usable
    return [min(range(len(origins)), key=lambda index: origins[index].failed_at)]
