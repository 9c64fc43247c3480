"""What is popular: what viewers take most of, by all edges' word, read every few seconds."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from common import logs
from common.errors import NearcastError

READ_EVERY: Final = 5.0
"""Seconds."""
READ_AT_ONCE: Final = 1000
"""Sums that are read: one for each asset and region."""
MOST: Final = 200
"""Assets."""

_log = logs.get(__name__)


class Popular:
    """Knows what is popular; while the database is away, what was."""

    def __init__(self, read: Callable[[int], Awaitable[list[str]]]) -> None:
        """``read`` tells the assets of so many of the largest sums, the largest first."""
        self._read = read
        self._names: Sequence[str] = ()

    @property
    def names(self) -> Sequence[str]:
        """Assets, the most popular first."""
        return self._names

    async def refresh(self) -> None:
        """Reads it again.

        Raises:
            Unavailable: the database does not answer.
        """
        self._names = (await self._read(READ_AT_ONCE))[:MOST]

    async def run(self) -> None:
        """Reads it again and again, for ever."""
        told = False
        while True:
            try:
                await self.refresh()
                told = False
            except NearcastError as error:
                if not told:
                    _log.warning("what is popular is what was", reason=str(error))
                told = True
            except Exception:
                # Whatever it was, it must not be the end of reading.
                _log.exception("what is popular could not be read")
            await asyncio.sleep(READ_EVERY)
