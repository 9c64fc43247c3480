"""Whose turn it is to be filled, and when nobody's is: the window, and a rest after failures.

Times are in seconds of a steady clock, but for ``wall``, which is in POSIX seconds.
"""

from common.messages import DesiredPackage, PackageName
from edge.policy.fill_order import FillQueue
from edge.policy.fill_window import FillPlan

REST_AFTER = 8
"""Failures in a row, of whatever packages, after which nothing is tried for a while."""
FIRST_REST = 0.5
"""Seconds of that."""
LONGEST_REST = 30.0
"""Seconds that it, doubled each time, grows to."""
LOOK_AT_WINDOW = 60.0
"""Seconds, at most, until it is looked anew whether the window is open: clocks are changed."""


class FillTurns:
    """Packages that have something to be filled."""

    def __init__(self, plan: FillPlan) -> None:
        """Gives turns to what is not urgent only when ``plan`` allows it."""
        self._plan = plan
        self._queue = FillQueue()
        self._in_row = 0
        self._rest = FIRST_REST
        self._rest_until = 0.0

    def put(self, package: DesiredPackage, not_before: float, now: float) -> None:
        """Takes in ``package``, in place of what was told of it before."""
        self._queue.put(package, not_before if not_before > now else 0.0)

    def remove(self, name: PackageName) -> None:
        """Takes out a package, if it is here."""
        self._queue.remove(name)

    def first(self, now: float, wall: float, *, urgent_only: bool = False) -> PackageName | None:
        """Whose turn it is, perhaps among ``urgent_only``; None when it is nobody's."""
        if now < self._rest_until:
            return None
        return self._queue.first(now, urgent_only=urgent_only or not self._plan.allows(wall))

    def wait(self, now: float, wall: float) -> float | None:
        """Seconds until it may be somebody's turn; None when somebody has to be put in first."""
        waits = [self._rest_until - now] if self._rest_until > now else []
        later = self._queue.next_at()
        if later is not None:
            waits.append(max(0.0, later - now))
        if len(self._queue) and not self._plan.allows(wall):
            waits.append(self._plan.wait(wall, LOOK_AT_WINDOW))
        return min(waits, default=None)

    def came(self) -> bool:
        """Notes that something came: whoever was away is there again.

        Returns:
            Whether that ended a rest, which only what still failed had brought about.
        """
        rested, self._rest_until = self._rest_until > 0.0, 0.0
        self._in_row, self._rest = 0, FIRST_REST
        return rested

    def failed(self, now: float) -> None:
        """Notes that something has not come."""
        self._in_row += 1
        if self._in_row >= REST_AFTER and now >= self._rest_until:
            self._rest_until = now + self._rest
            self._rest = min(self._rest * 2, LONGEST_REST)

    def hurry(self) -> None:
        """Ends the rest, as there is news."""
        self._rest_until = 0.0
