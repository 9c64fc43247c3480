"""Objects that clients write into the bucket themselves, part by part, with URLs that are signed.

The size of each part is signed too, so that a server that heeds it takes no other; what came is
looked at all the same before it becomes an object.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from common.errors import Unavailable
from origin.store.port import check_key
from origin.store.s3_upload import abort, complete
from origin.store.s3_wire import Refused, Request, S3Wire

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of an object that a client sent to the store itself."""

    size: int
    """Bytes."""
    etag: str
    """The entity tag that the store answered with, without its quotes."""


class DirectUploads:
    """Uploads from clients to the bucket. Every method raises ``Unavailable`` when S3 is away."""

    def __init__(self, wire: S3Wire) -> None:
        self._wire = wire

    async def begin(self, key: str, *, content_type: str) -> str:
        """Begins an upload; answers with the name that the store gives it."""
        check_key(key)
        request = Request(
            "POST",
            key,
            query={"uploads": ""},
            headers={"Content-Type": content_type},
            operation="CreateMultipartUpload",
        )
        try:
            reply = await self._wire.call(request)
        except Refused as error:
            raise Unavailable(what=self._wire.where, reason=str(error)) from error
        return str(reply.members["UploadId"])

    def part_urls(self, key: str, upload_id: str, sizes: Sequence[int], seconds: int) -> list[str]:
        """URLs to PUT parts of just these sizes to, for so many seconds. Takes processor time."""
        return [
            self._wire.presigned(
                Request(
                    "PUT",
                    key,
                    query={"partNumber": str(number), "uploadId": upload_id},
                    headers={"Content-Length": str(size)},
                ),
                seconds=seconds,
            )
            for number, size in enumerate(sizes, start=1)
        ]

    async def parts(self, key: str, upload_id: str) -> dict[int, SentPart] | None:
        """The parts that came, by their numbers from 1 on; None when there is no such upload."""
        found: dict[int, SentPart] = {}
        query = {"uploadId": upload_id, "max-parts": str(_PAGE)}
        while True:
            try:
                reply = await self._wire.call(
                    Request("GET", key, query=query, operation="ListParts")
                )
            except Refused:
                return None
            for part in reply.members.get("Parts", ()):
                etag = str(part["ETag"]).strip('"')
                found[int(part["PartNumber"])] = SentPart(int(part["Size"]), etag)
            if not reply.members.get("IsTruncated"):
                return found
            query["part-number-marker"] = str(reply.members["NextPartNumberMarker"])

    async def complete(self, key: str, upload_id: str, etags: Sequence[str]) -> bool:
        """Makes the object out of its parts; answers whether there was such an upload."""
        try:
            await complete(self._wire, key, upload_id, [f'"{etag}"' for etag in etags])
        except Refused:
            return False
        return True

    async def abort(self, key: str, upload_id: str) -> None:
        """Frees what an upload holds; does nothing when there is none."""
        await abort(self._wire, key, upload_id)
