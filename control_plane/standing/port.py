"""The port behind which operators' orders are kept."""

from typing import Protocol

import msgspec

from common.messages import EdgeStanding, StandingView


class Standing(msgspec.Struct, frozen=True):
    """What was last ordered of an edge, by whom and when (POSIX seconds, for people)."""

    edge_id: str
    standing: EdgeStanding
    by: str
    at: float
    reason: str = ""

    @property
    def view(self) -> StandingView:
        """The same for operators and tools."""
        return StandingView(self.edge_id, self.standing, self.by, self.at, self.reason)

    @property
    def sentence(self) -> str:
        """Who ordered it, and why."""
        reason = f": {self.reason}" if self.reason else ""
        return f"ordered by {self.by}{reason}"


class StandingStore(Protocol):
    """The last order for each edge.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def put(self, standing: Standing) -> None:
        """Remembers an order in place of the edge's last; durable when this returns.

        Raises:
            StorageFull: no space is left.
        """
        ...

    async def all(self) -> tuple[Standing, ...]:
        """The last order for each edge for which there was one, in no order."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
