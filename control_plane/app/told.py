"""What operators tell in documents, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from common.clock import Clock
from control_plane.coverage import Coverage
from control_plane.documents import open_documents
from control_plane.keeping import Kept
from control_plane.policies import Policies
from control_plane.settings import Settings


@dataclass(frozen=True)
class Told:
    """What operators told."""

    coverage: Coverage
    policies: Policies

    @property
    def kept(self) -> dict[str, Kept]:
        """The same as what is in memory and in a database."""
        return {"zones": self.coverage.folder, "policies": self.policies.folder}


async def told_by_operators(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Told:
    """What operators told a control plane with these settings; closed with ``stack``.

    Raises:
        Unavailable: the database does not answer, and there may be no snapshot.
    """
    store = await open_documents(settings.database, later=settings.snapshot is not None)
    stack.push_async_callback(store.close)
    regions = tuple(region.name for region in settings.regions)
    return Told(Coverage(store, regions, clock), Policies(store, clock))
