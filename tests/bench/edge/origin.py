"""The origin of the benchmark: deterministic bytes of any size, at once or after a while.

    python -m tests.bench.edge.origin PORT

``/bytes/SIZE/NAME`` is answered at once; ``/late/SECONDS/SIZE/NAME`` that much later, with the
moment of its first byte (seconds of CLOCK_MONOTONIC) in the field Sent-At.
"""

import asyncio
import sys
import time

import uvloop

_FIELDS = (
    "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: video/mp4\r\n"
    "Cache-Control: public, max-age=86400\r\n"
    'ETag: "{size}"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n'
    "Accept-Ranges: bytes\r\nDate: {date}\r\n{more}Content-Length: {size}\r\n\r\n"
)
_bodies: dict[int, bytes] = {}


def content(size: int) -> bytes:
    """The ``size`` bytes of every object of that size."""
    body = _bodies.get(size)
    if body is None:
        body = _bodies[size] = (bytes(range(256)) * (size // 256 + 1))[:size]
    return body


class Origin(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            target = self._waiting[: self._waiting.find(b"\r\n")].split(b" ")[1].decode()
            self._waiting = self._waiting[end + 4 :]
            parts = target.split("/")
            if parts[1] == "late":
                loop = asyncio.get_running_loop()
                loop.call_later(float(parts[2]), self._answer, int(parts[3]), True)
            else:
                self._answer(int(parts[2]), False)

    def _answer(self, size: int, told: bool) -> None:
        more = f"Sent-At: {time.monotonic()}\r\n" if told else ""
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        head = _FIELDS.format(size=size, more=more, date=date).encode()
        self._transport.write(head + content(size))  # type: ignore[attr-defined] # uvloop's own


async def main(port: int) -> None:
    """Answers for ever."""
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
