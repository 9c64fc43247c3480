"""Objects that clients write into the bucket themselves, part by part, with URLs that are signed.

The size of each part is signed too, so that a server that heeds it takes no other; what came is
looked at all the same before it becomes an object.
"""

from collections.abc import Sequence
from typing import Final

from common.errors import Unavailable
from origin.store.port import SentPart, check_key
from origin.store.s3_upload import abort, complete
from origin.store.s3_wire import Refused, Request, S3Wire

_PAGE: Final = 1000


class S3DirectUploads:
    """The adapter of ``DirectUploads``."""

    def __init__(self, wire: S3Wire) -> None:
        self._wire = wire

    async def begin(self, key: str, *, content_type: str) -> str:
        """See the port."""
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
        """See the port."""
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
        """See the port."""
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
        """See the port."""
        try:
            await complete(self._wire, key, upload_id, [f'"{etag}"' for etag in etags])
        except Refused:
            return False
        return True

    async def abort(self, key: str, upload_id: str) -> None:
        """See the port."""
        await abort(self._wire, key, upload_id)
