"""The content of a request as it comes: bounded in number and in time, and cut into pieces."""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import aiohttp
from aiohttp import StreamReader

from common.errors import NearcastError
from ingest.upload.errors import ChecksumWrong, UploadCutOff, UploadStalled
from ingest.upload.tus import Checksum

LARGEST_PIECE: Final = 64 * 1024 * 1024
LEAST_PIECE: Final = 256 * 1024
"""Bytes without which a piece does not end because of its age."""
PIECE_SECONDS: Final = 5.0
"""Age at which a piece ends: what came before is safe although the connection goes on."""

_CUT_OFF: Final = (
    aiohttp.ClientError,
    aiohttp.http.HttpProcessingError,
    ConnectionError,
    # What a stream says that is asked for more after its connection is gone.
    RuntimeError,
)


class Digest(Protocol):
    """What sums bytes up."""

    def update(self, data: bytes, /) -> None:
        """Adds ``data``."""
        ...

    def digest(self) -> bytes:
        """The sum."""
        ...


class Crc32:
    """The cyclic redundancy check of ISO 3309, in network order."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        """Adds ``data``."""
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        """The sum."""
        return self._value.to_bytes(4)


def new_digest(algorithm: str) -> Digest:
    """What computes ``algorithm``."""
    return Crc32() if algorithm == "crc32" else hashlib.new(algorithm, usedforsecurity=False)


class Body:
    """The content of one request.

    It never raises: it ends early, and ``failure`` then says why, so that what came before may
    still be kept.
    """

    def __init__(
        self,
        stream: StreamReader,
        *,
        room: int,
        too_large: Callable[[], NearcastError],
        expected: int | None,
        stall_timeout: float,
        observe: Callable[[int], None],
        checksum: Checksum | None = None,
    ) -> None:
        """``room`` is how many bytes may come, ``expected`` how many must, if that was told."""
        self._stream = stream
        self._room = room
        self._too_large = too_large
        self._expected = expected
        self._stall_timeout = stall_timeout
        self._observe = observe
        self._digest = new_digest(checksum.algorithm) if checksum else None
        self._held = b""
        self._timer: asyncio.Timeout | None = None
        self._interruption: NearcastError | None = None
        self.failure: NearcastError | None = None
        self.received = 0

    def interrupt(self, reason: NearcastError) -> None:
        """Ends the content at once, with ``reason`` as its failure."""
        self._interruption = reason
        if self._timer is not None:
            self._timer.reschedule(0)

    def check(self, checksum: Checksum) -> None:
        """Whether all came, and is what ``checksum`` says.

        Raises:
            ChecksumWrong: it is something else.
            NearcastError: its failure.
        """
        if self.failure is not None:
            raise self.failure
        if self._digest is None or self._digest.digest() != checksum.digest:
            raise ChecksumWrong(algorithm=checksum.algorithm)

    async def more(self) -> bool:
        """Whether a byte has come that no piece has taken."""
        if not self._held and self.failure is None:
            self._held = await self._read()
        return bool(self._held)

    async def everything(self) -> AsyncIterator[bytes]:
        """All of it.

        Raises:
            NearcastError: its failure.
        """
        while await self.more():
            data, self._held = self._held, b""
            yield data
        if self.failure is not None:
            raise self.failure

    async def piece(self) -> AsyncIterator[bytes]:
        """The next bytes, as many as make a piece."""
        loop = asyncio.get_running_loop()
        began, size = loop.time(), 0
        while await self.more():
            data, self._held = self._held, b""
            size += len(data)
            yield data
            aged = size >= LEAST_PIECE and loop.time() - began >= PIECE_SECONDS
            if size >= LARGEST_PIECE or aged:
                return

    async def _read(self) -> bytes:
        try:
            self._interrupted()
            async with asyncio.timeout(self._stall_timeout) as self._timer:
                data = await self._stream.readany()
            self._interrupted()
            self._count(data)
        except TimeoutError:
            stalled = UploadStalled(seconds=self._stall_timeout)
            self.failure = self._interruption or stalled
        except _CUT_OFF:
            self.failure = UploadCutOff(received=self.received)
        except NearcastError as error:
            self.failure = error
        else:
            if self._digest is not None:
                self._digest.update(data)
            return data
        finally:
            self._timer = None
        return b""

    def _interrupted(self) -> None:
        if self._interruption is not None:
            raise self._interruption

    def _count(self, data: bytes) -> None:
        if self.received + len(data) > self._room:
            raise self._too_large()
        self.received += len(data)
        self._observe(len(data))
        if not data and self._expected is not None and self.received < self._expected:
            raise UploadCutOff(received=self.received)
