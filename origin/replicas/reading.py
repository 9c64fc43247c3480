"""Reading objects from the first store that is well and has them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from common.errors import NearcastError, Unavailable
from origin.replicas.layout import name_of
from origin.replicas.regions import ANSWER_WITHIN, FAILING, Region, Regions
from origin.store import ObjectInfo, ObjectUnknown, is_removed
from origin.store.port import check_key

READ_WITHIN: Final = 15.0
"""Seconds that a store gets for the next bytes of an object while there is another one to ask."""


class Reading:
    """Hands out objects: the own store's, or, where it lacks one or fails, another's.

    An object never changes, so that what one store has begun another one can end.
    """

    def __init__(
        self,
        regions: Regions,
        *,
        missed: Callable[[str], None] = lambda _: None,
        helped: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Reads from ``regions``.

        Args:
            regions: the stores.
            missed: called with each key that another store had, and the own one had not.
            helped: called with the name of each other region that was read from.
        """
        self._regions = regions
        self._missed = missed
        self._helped = helped

    async def head(self, key: str) -> ObjectInfo:
        """See ``ObjectReader.head``.

        Raises:
            Unavailable: a store that may have the object does not answer, and no other has it.
        """
        check_key(key)
        failure: NearcastError | None = None
        lacking = False
        for region, within in self._to_ask():
            try:
                info = await region.ask(region.store.head(key), within=within)
            except ObjectUnknown:
                if region is self._regions.own and self._regions.sources:
                    if await self._is_removed(key):
                        raise
                    lacking = True
            except Unavailable as error:
                failure = error
            else:
                if lacking and region is not self._regions.own:
                    self._missed(key)
                return info
        raise failure or self._unasked() or ObjectUnknown(key=key)

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """See ``ObjectReader.read``."""
        check_key(key)
        failure: NearcastError | None = None
        position, stop = start, None if length is None else start + length
        for region, within in self._to_ask():
            if position == stop and failure is not None:
                return
            pieces = region.store.read(key, position, None if stop is None else stop - position)
            try:
                async with contextlib.aclosing(pieces):
                    while piece := await _next(pieces, within and READ_WITHIN):
                        if position == start and region is not self._regions.own:
                            self._helped(region.name)
                        position += len(piece)
                        yield piece
                return
            except ObjectUnknown:
                continue
            except FAILING as error:
                region.failed(error)
                failure = _told(region, error)
        raise failure or self._unasked() or ObjectUnknown(key=key)

    def _to_ask(self) -> list[tuple[Region, float | None]]:
        """The stores to ask, in order, each with the seconds it gets."""
        well = [region for region in self._regions.all if not region.health.away]
        # When all seem to be away, one of them may be back without anybody knowing.
        order = well or list(self._regions.all)
        return [(region, None if region is order[-1] else ANSWER_WITHIN) for region in order]

    def _unasked(self) -> NearcastError | None:
        """The trouble of a store that was left alone, and may have what the others lack."""
        for region in self._regions.all:
            if region.health.away:
                return Unavailable(what=f"the store {region.name}", reason=region.health.reason)
        return None

    async def _is_removed(self, key: str) -> bool:
        """Whether the own store knows that it was removed: no other brings it back."""
        name = name_of(key)
        if name is None:
            return True
        try:
            return await is_removed(self._regions.own.store, *name)
        except NearcastError:
            return False


async def _next(pieces: AsyncGenerator[bytes, None], within: float | None) -> bytes:
    async with asyncio.timeout(within):
        return await anext(pieces, b"")


def _told(region: Region, error: BaseException) -> NearcastError:
    if isinstance(error, NearcastError):
        return error
    return Unavailable(what=f"the store {region.name}", reason="it does not answer in time")
