"""Coverage zones, as operators tell them: in memory, on every control plane, after restarts."""

import asyncio
from collections.abc import Collection
from typing import Final

from common.clock import Clock
from common.messages import decode, encode
from common.messages.zones import CoverageView, CoverageZones
from control_plane.documents import Document, DocumentStore, Folder
from control_plane.documents.folder import Known
from control_plane.routing.zones import ZoneTable, check_regions

FAMILY: Final = "zones"
NAME: Final = "all"
"""All zones are one document: a network is in one of them."""


class Coverage:
    """Knows the zones."""

    def __init__(self, store: DocumentStore, regions: Collection[str], clock: Clock) -> None:
        self._regions = regions
        self.folder: Folder[ZoneTable] = Folder(store, FAMILY, self._meaning, clock)

    @property
    def table(self) -> ZoneTable:
        """Which zone an address is in."""
        return self.folder.meant

    async def tell(self, body: bytes, *, by: str) -> None:
        """Takes the zones in ``body`` in place of those that there are; durable when this returns.

        Args:
            body: ``CoverageZones`` as JSON.
            by: the operator's name.

        Raises:
            MessageInvalid: the body is none.
            ZonesInvalid: they contradict themselves, or name regions that there are not.
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        # There may be many: nobody else is to wait while they are looked at.
        plain = await asyncio.to_thread(self._checked, body)
        await self.folder.put(NAME, plain, by=by)

    async def forget(self, *, by: str) -> None:
        """Takes all zones away; raises as ``tell``."""
        await self.folder.delete(NAME, by=by)

    async def view(self) -> bytes:
        """``CoverageView`` as JSON."""
        return await asyncio.to_thread(_view, self.folder.known.get(NAME))

    def _checked(self, body: bytes) -> bytes:
        told = decode(body, CoverageZones)
        check_regions(told, self._regions)
        return encode(told)

    def _meaning(self, known: Known) -> ZoneTable:
        document = known.get(NAME)
        told = CoverageZones() if document is None else decode(document.body, CoverageZones)
        return ZoneTable(told, self._regions)


def _view(document: Document | None) -> bytes:
    if document is None:
        return encode(CoverageView())
    zones = decode(document.body, CoverageZones).zones
    return encode(CoverageView(zones, document.by, document.at))
