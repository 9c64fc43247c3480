"""What operators tell in documents, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from common.clock import Clock
from common.service import Gatekeeper
from control_plane.api.coverage import CoverageApi
from control_plane.api.policies import PoliciesApi
from control_plane.coverage import Coverage
from control_plane.documents import Folder, open_documents
from control_plane.keeping import Kept
from control_plane.policies import Policies
from control_plane.settings import Settings


@dataclass(frozen=True)
class Told:
    """What operators told."""

    coverage: Coverage
    policies: Policies

    def apis(self, gatekeeper: Gatekeeper) -> tuple[CoverageApi, PoliciesApi]:
        """Where they tell more."""
        return CoverageApi(self.coverage, gatekeeper), PoliciesApi(self.policies, gatekeeper)

    @property
    def kept(self) -> dict[str, Kept]:
        """The same as what is in memory and in a database."""
        return {"zones": self.coverage.folder, "policies": self.policies.folder}

    @property
    def folders(self) -> tuple[Folder[Any], ...]:
        """The same as documents."""
        return self.coverage.folder, self.policies.folder

    async def refresh(self) -> None:
        """Makes sure that it is known who may watch: nobody is to watch what they may not.

        Raises:
            Unavailable: the database does not answer.
            NearcastError: a policy is none that this release can read.
        """
        await self.policies.folder.refresh()


async def told_by_operators(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Told:
    """What operators told a control plane with these settings; closed with ``stack``.

    Raises:
        Unavailable: the database does not answer, and there may be no snapshot.
    """
    store = await open_documents(settings.database, later=settings.snapshot is not None)
    stack.push_async_callback(store.close)
    regions = tuple(region.name for region in settings.regions)
    return Told(Coverage(store, regions, clock), Policies(store, clock))
