"""Reading an object from S3: a connection that is lost midway is taken up where it broke off."""

import asyncio

import aiohttp

from origin.store.port import SLICE, ObjectUnknown, ReadInterrupted
from origin.store.s3_wire import ATTEMPTS, CONNECTION_LOST, FIRST_PAUSE, Refused, Request, S3Wire


class Reading:
    """The bytes of one object from a position on."""

    def __init__(self, wire: S3Wire, key: str, start: int, length: int | None) -> None:
        self._wire = wire
        self._key = key
        self._position = start
        self._stop = None if length is None else start + length
        self._etag: str | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._failures = 0

    async def next_piece(self) -> bytes:
        """The next bytes, at most ``SLICE``; none at the end.

        Raises:
            ObjectUnknown: there is no such object.
            ReadInterrupted: the store broke off and could not be taken up.
        """
        while True:
            try:
                if self._response is None:
                    self._response = await self._open()
                if self._response is None:
                    return b""
                piece = await self._response.content.read(SLICE)
            except CONNECTION_LOST as error:
                await self._interrupted(error)
                continue
            self._position += len(piece)
            self._failures = 0
            return piece

    def close(self) -> None:
        """Gives the connection back, or cuts it while bytes are still to come."""
        if self._response is not None:
            self._response.close()

    async def _open(self) -> aiohttp.ClientResponse | None:
        """The answer with the bytes from here on; None when there are none."""
        ranged = self._position > 0 or self._stop is not None
        last = "" if self._stop is None else self._stop - 1
        fields = {"Range": f"bytes={self._position}-{last}"} if ranged else {}
        if self._etag is not None:
            # Only the same object may be taken up.
            if self._position == self._stop:
                return None
            fields["If-Match"] = self._etag
        try:
            response = await self._wire.open(Request("GET", self._key, headers=fields))
        except Refused as error:
            if error.status == 416:
                return None
            if error.status == 404 and self._etag is None:
                raise ObjectUnknown(key=self._key) from error
            raise ReadInterrupted(key=self._key, reason=str(error)) from error
        if ranged and response.status != 206:
            response.close()
            raise ReadInterrupted(key=self._key, reason="the store did not keep to the range")
        self._etag = response.headers.get("ETag")
        return response

    async def _interrupted(self, error: Exception) -> None:
        self.close()
        self._response = None
        self._failures += 1
        if self._failures == ATTEMPTS or self._etag is None:
            reason = str(error) or type(error).__name__
            raise ReadInterrupted(key=self._key, reason=reason) from error
        await asyncio.sleep(FIRST_PAUSE * 2**self._failures)
