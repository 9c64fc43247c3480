"""A tus client that does just what a test says, byte by byte if need be."""

import base64
import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any

from tests.integration.ingest_service import TOKEN, Answer, Service

UPLOADS = "/v1/uploads"
BYTES = "application/offset+octet-stream"


def metadata(**values: str) -> str:
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items()
    )


class Tus:
    """Speaks tus to a service."""

    def __init__(self, service: Service, token: str = TOKEN) -> None:
        self.service = service
        self.token = token

    def ask(self, method: str, path: str = UPLOADS, body: Any = None, **fields: str) -> Answer:
        fields = {"Tus_Resumable": "1.0.0", **fields}
        return self.service.ask(method, path, body, self.token, **fields)

    def create(self, length: int, body: Any = None, **fields: str) -> Answer:
        given = {"Upload_Metadata": metadata(filename="a.mp4"), "Upload_Length": str(length)}
        if body is not None:
            given["Content_Type"] = BYTES
        return self.ask("POST", UPLOADS, body, **given | fields)

    def begin(self, length: int, **fields: str) -> str:
        answer = self.create(length, **fields)
        assert answer.status == 201, answer.body
        return str(answer.headers["Location"])

    def patch(self, path: str, offset: int | str, body: Any, **fields: str) -> Answer:
        fields = {"Content_Type": BYTES, **fields}
        return self.ask("PATCH", path, body, Upload_Offset=str(offset), **fields)

    def offset(self, path: str) -> int:
        answer = self.ask("HEAD", path)
        assert answer.status == 200, answer.status
        return int(answer.headers["Upload-Offset"])

    def pieces(self, path: str) -> list[str]:
        """The keys of what came, in a store that is a folder."""
        place = f"uploads/{path.rpartition('/')[2]}/"
        return [key for key in self.service.objects() if key.startswith(place)]

    def received(self) -> int:
        """Bytes of content that the service has read in its life."""
        told = self.service.get("/metrics").body.decode()
        found = re.search(r"^nearcast_ingest_upload_bytes_total (\S+)", told, re.MULTILINE)
        assert found
        return int(float(found[1]))

    def join(self, *paths: str, **fields: str) -> Answer:
        given = {"Upload_Metadata": metadata(title="Joined")} | fields
        return self.ask("POST", UPLOADS, Upload_Concat="final;" + " ".join(paths), **given)

    @contextlib.contextmanager
    def hanging(
        self, path: str, offset: int, sent: bytes, length: int, *fields: str
    ) -> Iterator[socket.socket]:
        """A PATCH that has sent some of its bytes and goes on with nothing."""
        lines = (
            f"PATCH {path} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self.token}",
            "Tus-Resumable: 1.0.0",
            f"Upload-Offset: {offset}",
            f"Content-Type: {BYTES}",
            f"Content-Length: {length}",
            *fields,
        )
        head = "\r\n".join((*lines, "", ""))
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=20) as connection:
            connection.sendall(head.encode() + sent)
            yield connection
