"""Writing an object too large for one request: a multipart upload, complete or gone."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from types import TracebackType
from typing import Final
from xml.sax.saxutils import escape

from common import logs
from common.errors import NearcastError, Unavailable
from origin.store.port import ObjectTooLarge
from origin.store.s3_wire import Refused, Reply, Request, S3Wire

DIGEST_FIELD: Final = "x-amz-meta-sha256"

_MIB: Final = 1024 * 1024
_MOST_PARTS: Final = 10_000

_log = logs.get(__name__)


def part_size(number: int) -> int:
    """Bytes of the part ``number``, counted from 1.

    S3 takes 10,000 parts of 5 MiB at least, so that an upload holds no more in memory up to 39 GiB;
    larger ones then reach 164 GiB.
    """
    return 5 * _MIB if number <= 8000 else 64 * _MIB


async def parts_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[tuple[bytearray, bool], None]:
    """The same bytes in parts of ``part_size``, each with whether it is the last.

    The last one is smaller, and there is one at least, maybe empty. No part is read ahead.
    """
    part, number = bytearray(), 1
    async for chunk in chunks:
        rest = memoryview(chunk)
        while len(part) + len(rest) > part_size(number):
            room = part_size(number) - len(part)
            part += rest[:room]
            rest = rest[room:]
            yield part, False
            part, number = bytearray(), number + 1
        part += rest
    yield part, True


class MultipartUpload:
    """An upload in parts. Leaving the block without ``complete`` aborts it."""

    def __init__(self, wire: S3Wire, key: str, content_type: str, sha256: str | None) -> None:
        self._wire = wire
        self._key = key
        self._fields = {"Content-Type": content_type}
        if sha256 is not None:
            self._fields[DIGEST_FIELD] = sha256
        self._upload_id = ""
        self._tags: list[str] = []
        self._digest = hashlib.sha256()
        self._completed = False

    async def __aenter__(self) -> "MultipartUpload":
        request = Request(
            "POST",
            self._key,
            query={"uploads": ""},
            headers=self._fields,
            operation="CreateMultipartUpload",
        )
        reply = await self._call(request)
        self._upload_id = str(reply.members["UploadId"])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._completed:
            await abort(self._wire, self._key, self._upload_id)

    async def send(self, part: bytearray) -> None:
        """Sends the next part."""
        number = len(self._tags) + 1
        if number > _MOST_PARTS:
            raise ObjectTooLarge(key=self._key)
        await asyncio.to_thread(self._digest.update, part)
        query = {"partNumber": str(number), "uploadId": self._upload_id}
        reply = await self._call(Request("PUT", self._key, query=query, body=part))
        self._tags.append(reply.headers.get("ETag", ""))

    def sha256(self) -> str:
        """The digest of the parts sent, in lower-case hexadecimal."""
        return self._digest.hexdigest()

    async def complete(self) -> None:
        """Makes the object out of the parts.

        Raises:
            Refused: the key is taken, or the upload is no more; where an answer was lost on the
                way, by this very object.
        """
        await complete(self._wire, self._key, self._upload_id, self._tags)
        self._completed = True

    async def _call(self, request: Request) -> Reply:
        try:
            return await self._wire.call(request)
        except Refused as error:
            raise Unavailable(
                what=self._wire.where, reason=f"the upload of {self._key} broke off: {error}"
            ) from error


async def complete(wire: S3Wire, key: str, upload_id: str, tags: Sequence[str]) -> None:
    """Makes an object out of the parts whose entity tags are ``tags``.

    Raises:
        Refused: the key is taken, or the upload is no more.
    """
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for number, tag in enumerate(tags, start=1)
    )
    request = Request(
        "POST",
        key,
        query={"uploadId": upload_id},
        headers={"Content-Type": "application/xml", "If-None-Match": "*"},
        body=f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode(),
        operation="CompleteMultipartUpload",
    )
    await wire.call(request)


async def abort(wire: S3Wire, key: str, upload_id: str) -> None:
    """Frees what an upload holds; one that is gone already is no matter."""
    try:
        await wire.call(Request("DELETE", key, query={"uploadId": upload_id}))
    except Refused:
        pass
    except NearcastError as error:
        # The store's next start frees it.
        _log.warning("an upload was left behind", key=key, error=str(error))
