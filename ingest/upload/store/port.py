"""The port of the uploads' database: what every adapter promises.

A write that returned is durable. A swap or a removal is a compare-and-set: it happens whole, or not
at all because the record was no longer the one that was read.
"""

from typing import Protocol

from ingest.upload.quota import QuotaSettings, Usage
from ingest.upload.record import Upload


class UploadStore(Protocol):
    """Uploads, and what credentials use. Every method may raise ``Unavailable``; writes also
    ``StorageFull``.
    """

    async def add(self, upload: Upload) -> None:
        """Keeps a new upload; one of that id that is there already stays as it is."""
        ...

    async def upload(self, upload_id: str) -> Upload | None:
        """The upload; None when there is none of that id."""
        ...

    async def swap(self, old: Upload, new: Upload) -> bool:
        """Replaces ``old`` by ``new`` if its revision is still the one that is kept."""
        ...

    async def remove(self, old: Upload) -> bool:
        """Forgets ``old`` if its revision is still the one that is kept."""
        ...

    async def due(self, now: float, limit: int) -> tuple[Upload, ...]:
        """Uploads whose ``due_at`` has come, the longest due first."""
        ...

    async def charge(self, owner: str, day: int, wanted: Usage, quota: QuotaSettings) -> bool:
        """Adds ``wanted`` to what ``owner`` used of ``day`` if both fit into ``quota``.

        Of any number of processes that charge at the same time, none oversteps the quota.
        """
        ...

    async def refund(self, owner: str, day: int, given_back: Usage) -> None:
        """Takes ``given_back`` off what ``owner`` used of ``day``, at most all of it."""
        ...

    async def usage(self, owner: str, day: int) -> Usage:
        """What ``owner`` used of ``day``."""
        ...

    async def forget_usage(self, before: int) -> None:
        """Forgets what was used of days before the day ``before``."""
        ...

    async def close(self) -> None:
        """Lets go of the database."""
        ...
