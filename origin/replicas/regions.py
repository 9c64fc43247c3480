"""The stores of all regions, the own one first, and asking the one or other of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from common import logs
from common.errors import NearcastError, StorageFull, Unavailable
from origin.replicas.health import StoreHealth
from origin.settings import Settings
from origin.store import ObjectStore, ObjectUnknown, ReadInterrupted, open_store

ANSWER_WITHIN: Final = 3.0
"""Seconds that a store gets to answer while there is another one to ask."""
PROBE_EVERY: Final = 5.0
"""Seconds between two looks whether a store answers."""
_PROBE: Final = "readyz"

FAILING: Final = (Unavailable, ReadInterrupted, TimeoutError)
"""What a store that is not well raises."""

T = TypeVar("T")

_log = logs.get(__name__)


@dataclass(frozen=True)
class Region:
    """A region's store."""

    name: str
    store: ObjectStore
    health: StoreHealth = field(default_factory=StoreHealth)

    def failed(self, error: BaseException) -> None:
        """Notes that the store is not well, as ``error`` tells."""
        reason = str(error) or "it does not answer in time"
        if self.health.failed(reason):
            _log.warning("a store is away", region=self.name, reason=reason)

    def succeeded(self) -> None:
        """Notes that the store has answered."""
        if self.health.succeeded():
            _log.info("a store is back", region=self.name)

    async def ask(self, answer: Awaitable[T], *, within: float | None) -> T:
        """What the store answers, within so many seconds.

        Raises:
            Unavailable: it does not.
        """
        try:
            async with asyncio.timeout(within):
                found = await answer
        except FAILING as error:
            self.failed(error)
            if isinstance(error, TimeoutError):
                raise Unavailable(
                    what=f"the store {self.name}", reason="it does not answer in time"
                ) from error
            raise
        except (ObjectUnknown, StorageFull):
            self.succeeded()
            raise
        self.succeeded()
        return found


@dataclass(frozen=True)
class Regions:
    """The stores of all regions."""

    own: Region
    sources: tuple[Region, ...] = ()

    @property
    def all(self) -> tuple[Region, ...]:
        """Every one, the own one first."""
        return (self.own, *self.sources)

    def away(self) -> dict[str, str]:
        """Which are away, and why."""
        return {f"store {one.name}": one.health.reason for one in self.all if one.health.away}

    def unready(self) -> dict[str, str]:
        """Why nothing can be served: every store has failed."""
        failed = {f"store {one.name}": one.health.reason for one in self.all if one.health.failures}
        return failed if len(failed) == len(self.all) else {}

    async def probe(self) -> None:
        """Looks once whether each store answers."""
        await asyncio.gather(*map(_probe, self.all))

    async def watch(self) -> None:
        """Looks again and again, for ever."""
        while True:
            await self.probe()
            await asyncio.sleep(PROBE_EVERY)


async def _probe(region: Region) -> None:
    with contextlib.suppress(NearcastError):
        await region.ask(region.store.head(_PROBE), within=ANSWER_WITHIN)


@contextlib.asynccontextmanager
async def open_regions(settings: Settings) -> AsyncIterator[Regions]:
    """The stores that ``settings`` name, while the block runs.

    Raises:
        SettingsInvalid: one of them is of no use.
    """
    async with contextlib.AsyncExitStack() as stack:
        own = Region(settings.region, await stack.enter_async_context(open_store(settings.store)))
        sources = [
            Region(source.name, await stack.enter_async_context(open_store(source)))
            for source in settings.sources
        ]
        yield Regions(own, tuple(sources))
