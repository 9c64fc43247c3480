"""Edges whose tokens are accounts': until when each is valid, as the database last said.

Only the edges that the settings do not name are asked about. Until the answer has come, and while
the database is away, one that reports is believed: without a token it could not.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

MOST: Final = 10_000
"""Edges that are asked about."""

Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, float]]]
"""Until when tokens of these names open what an edge may, POSIX seconds; without those of which
none does."""


class AccountEdges:
    """Until when edges' tokens are valid."""

    def __init__(self, settings: Callable[[str], float | None], ask: Ask) -> None:
        """``settings`` tells it of the edges that the settings name, and None of others."""
        self._settings = settings
        self._ask = ask
        self._known: dict[str, float | None] = {}

    def valid_until(self, edge_id: str) -> float | None:
        """Until when an edge's credential opens something, POSIX seconds; infinity when it does for
        ever, None when there is none."""
        until = self._settings(edge_id)
        if until is not None:
            return until
        if edge_id not in self._known and len(self._known) < MOST:
            self._known[edge_id] = math.inf
        return self._known.get(edge_id, math.inf)

    async def refresh(self) -> None:
        """Asks about the edges; raises as ``ask`` does."""
        names = list(self._known)
        if names:
            found = await self._ask(names)
            self._known |= {name: found.get(name) for name in names}
