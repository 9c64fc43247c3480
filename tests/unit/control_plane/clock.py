"""A clock that the test moves."""


class Clock:
    """Stands still at 1000 seconds."""

    time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time
