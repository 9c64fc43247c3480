"""The port behind which the plan lives: who may write it, what it says, and what was watched.

One control plane at a time plans, the one that has the lease. A lease that ends while its holder
is paused cannot be taken from the holder's hands, so each has a number, the fencing token, and
the store takes nothing under a token once there is a higher one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from common.errors import NearcastError


class LeaseLost(NearcastError):
    """Another control plane plans now: what this one has decided is not taken."""

    status = 409


class Decided(Protocol):
    """Where an asset is to be, as a planner has decided it."""

    @property
    def asset_id(self) -> str:
        """The asset."""
        ...

    @property
    def edges(self) -> Sequence[str]:
        """The edges that should hold it; none for one that is removed."""
        ...

    @property
    def lost(self) -> Sequence[str]:
        """Other edges that held it once, and are to be told that they should no more."""
        ...

    @property
    def urgent(self) -> bool:
        """Whether it is filled at any time of the day."""
        ...

    @property
    def priority(self) -> float:
        """The higher, the sooner it is filled."""
        ...

    @property
    def told(self) -> int:
        """How much was known of its versions: whoever plans next sees whether there is more."""
        ...


class PlanRow(msgspec.Struct, frozen=True):
    """Where an asset is to be, as the plan has it."""

    asset_id: str
    edges: tuple[str, ...]
    revision: int
    """Of the commit that decided it."""
    urgent: bool
    priority: float
    lost: tuple[str, ...] = ()
    """Other edges that held it once, which tells them that they should no more."""
    told: int = 0
    """How many versions of it had been announced or removed."""


class Demand(NamedTuple):
    """What was watched of an asset."""

    asset_id: str
    region: str
    era: int
    total: float


class PlanStore(Protocol):
    """The lease, the plan and the demand.

    Every method raises ``Unavailable`` when the database does not answer. Whether a write that
    ended so was done is then for a read to tell; all of them may be tried again.
    """

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """Takes or renews the lease for ``seconds`` from now.

        Time is the database's own, so that the clocks of control planes do not matter; one that is
        set back ends the lease.

        Args:
            holder: names this process, and no other nor an earlier one.
            seconds: how long it holds unless it is renewed.

        Returns:
            The fencing token, which renewing keeps; None while another has the lease.
        """
        ...

    async def release(self, token: int) -> None:
        """Gives the lease back; does nothing when another token is in force."""
        ...

    async def commit(self, token: int, rows: Sequence[Decided]) -> int:
        """Makes ``rows`` the plan for their assets, all of them at once.

        An asset may be in ``rows`` once, and one commit is made at a time. Readers see all of it or
        nothing; what is left of one that its planner did not live to end is never seen.

        Returns:
            The revision of all of them, higher than any before; without rows the plan's.

        Raises:
            LeaseLost: another token is in force.
            StorageFull: no space is left.
        """
        ...

    async def head(self) -> int:
        """The revision of the last commit; 0 before the first."""
        ...

    async def rows(self, since: int) -> tuple[PlanRow, ...]:
        """What was committed after the revision ``since`` and still holds, in no order.

        The highest revision among them is the plan's when they were read.
        """
        ...

    async def add_demand(self, amounts: Iterable[tuple[str, str, float]], era: int = 0) -> None:
        """Adds amounts, each with its asset and region, to the sums of ``era``.

        What an era is, is for those who add to say: amounts that grow with time, as those of
        forward decay do, begin anew with each.
        """
        ...

    async def demand(self) -> tuple[Demand, ...]:
        """All sums, in no order."""
        ...

    async def most_demanded(self, limit: int) -> tuple[Demand, ...]:
        """The ``limit`` largest sums of the newest eras, the newest era first."""
        ...

    async def forget_demand(self, before: int) -> None:
        """Drops the sums of all eras before that one."""
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
