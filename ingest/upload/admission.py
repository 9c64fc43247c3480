"""Who may upload now: the paces and quotas of credentials, and how many uploads run at once."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping

from common.clock import Clock
from ingest.upload.errors import QuotaExceeded, UploadsTooMany
from ingest.upload.quota import Bucket, QuotaSettings, Usage, day_of, drawn, refusal
from ingest.upload.store import UploadStore

AGAIN_AFTER = 5
"""Seconds after which a credential with too many uploads may try again."""


class Admission:
    """Holds credentials, by their names, to their quotas."""

    def __init__(
        self,
        records: UploadStore,
        clock: Clock,
        *,
        quota: QuotaSettings,
        quotas: Mapping[str, QuotaSettings],
        at_once: int,
    ) -> None:
        """``quotas`` are those of single credentials, ``quota`` is all others'."""
        self._records = records
        self._clock = clock
        self._quota = quota
        self._quotas = quotas
        self._at_once = at_once
        self._buckets: dict[str, Bucket] = {}
        self._running: Counter[str] = Counter()

    def _of(self, name: str) -> QuotaSettings:
        return self._quotas.get(name, self._quota)

    def request(self, name: str) -> None:
        """Counts a request.

        Raises:
            QuotaExceeded: they come too fast.
        """
        bucket = drawn(
            self._buckets.get(name), self._of(name), name=name, now=self._clock.monotonic()
        )
        self._buckets[name] = bucket

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Counts a request whose content comes while the block runs.

        Raises:
            QuotaExceeded: the credential has too many of them.
            UploadsTooMany: all together have.
        """
        if self._running.total() >= self._at_once:
            raise UploadsTooMany(limit=self._at_once)
        most = self._of(name).at_once
        if self._running[name] >= most:
            raise QuotaExceeded(name=name, limit=f"{most} uploads at once", retry_after=AGAIN_AFTER)
        self._running[name] += 1
        try:
            yield
        finally:
            self._running[name] -= 1

    async def charge(self, name: str, *, uploads: int, size: int) -> None:
        """Counts uploads, and bytes that may come.

        Raises:
            QuotaExceeded: the day has no room for them.
            StorageFull: no space is left.
            Unavailable: the database is away.
        """
        now, quota = self._clock.now(), self._of(name)
        day, wanted = day_of(now), Usage(uploads, size)
        if not await self._records.charge(name, day, wanted, quota):
            used = await self._records.usage(name, day)
            raise refusal(quota, used, wanted, name=name, now=now)

    async def refund(self, name: str, *, charged_at: float, size: int) -> None:
        """Gives back bytes that were counted at ``charged_at`` and will not come.

        Raises:
            StorageFull: no space is left.
            Unavailable: the database is away.
        """
        if size > 0:
            await self._records.refund(name, day_of(charged_at), Usage(0, size))

    async def forget(self) -> None:
        """Forgets the days that are over.

        Raises:
            StorageFull: no space is left.
            Unavailable: the database is away.
        """
        await self._records.forget_usage(day_of(self._clock.now()) - 1)
