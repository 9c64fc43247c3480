"""What users follow, remembered for seconds: a feed asks for it at each of its pages."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from common.clock import Clock

REMEMBERED_FOR: Final = 5.0
"""Seconds after which a change that another control plane has made is seen here."""
MOST_REMEMBERED: Final = 200_000
"""Channels of all users together; a user who follows none counts as one. About 20 MB."""


class Followed:
    """The channels that users follow."""

    def __init__(self, ask: Callable[[str], Awaitable[tuple[str, ...]]], clock: Clock) -> None:
        """``ask`` asks the database what a user follows."""
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()
        self._size = 0
        self._changes = 0

    async def by(self, user_id: str) -> tuple[str, ...]:
        """What a user follows; raises as ``ask`` does."""
        until, known = self._known.get(user_id, (0.0, ()))
        if self._clock.monotonic() < until:
            self._known.move_to_end(user_id)
            return known
        changes = self._changes
        followed = await self._ask(user_id)
        if changes == self._changes:
            self._remember(user_id, followed)
        return followed

    def forget(self, user_id: str) -> None:
        """Has the database asked again: the user has changed what they follow."""
        self._changes += 1
        self._drop(user_id)

    def _remember(self, user_id: str, followed: tuple[str, ...]) -> None:
        self._drop(user_id)
        self._known[user_id] = (self._clock.monotonic() + REMEMBERED_FOR, followed)
        self._size += max(1, len(followed))
        while self._size > MOST_REMEMBERED:
            self._drop(next(iter(self._known)))

    def _drop(self, user_id: str) -> None:
        _, followed = self._known.pop(user_id, (0.0, None))
        if followed is not None:
            self._size -= max(1, len(followed))
