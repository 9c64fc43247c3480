"""Events within one process."""

import contextlib
from collections.abc import Iterator

from common.messages import JobProgress
from ingest.jobs.events.port import Subscription


class MemoryEvents:
    """The adapter for ingest with its worker in the same process."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, set[Subscription]] = {}

    async def publish(self, progress: JobProgress) -> None:
        """See the port."""
        for subscription in self._subscriptions.get(progress.job_id, ()):
            subscription.notify()

    @contextlib.contextmanager
    def subscribe(self, job_id: str) -> Iterator[Subscription]:
        """See the port."""
        subscription = Subscription()
        self._subscriptions.setdefault(job_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            others = self._subscriptions[job_id]
            others.discard(subscription)
            if not others:
                del self._subscriptions[job_id]

    async def close(self) -> None:
        """See the port."""
