"""How fast a total has risen lately."""

from collections import deque


class Recent:
    """The rate of the last seconds."""

    def __init__(self, seconds: float) -> None:
        """Looks back over ``seconds``."""
        self._seconds = seconds
        self._seen: deque[tuple[float, float]] = deque()

    def rate(self, now: float, total: float) -> float:
        """By how much a second ``total`` has risen; 0 at first, and where it fell, as it does when
        a part of it begins anew. ``now`` never goes back."""
        seen = self._seen
        seen.append((now, total))
        while len(seen) > 2 and seen[1][0] <= now - self._seconds:
            seen.popleft()
        began, before = seen[0]
        return max(0.0, total - before) / (now - began) if now > began else 0.0
