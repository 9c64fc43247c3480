"""An origin that answers ranges of one large object, as its tests have it."""

import asyncio
from dataclasses import dataclass, field

from tests.integration.proxy_service import (
    Asked,
    Got,
    Pairs,
    RawOrigin,
    Viewer,
    response,
)

MIB = 1024 * 1024
SIZE = 5 * MIB + 1000
FRESH = ("Cache-Control", "max-age=3600")
PATTERN = bytes(number % 251 for number in range(251 * 4))
BEFORE = (PATTERN * (SIZE // len(PATTERN) + 1))[:SIZE]
AFTER = BEFORE[::-1]


@dataclass
class Ranged:
    """What an origin has: it answers ranges, and If-Range."""

    body: bytes = BEFORE
    fields: Pairs = (("ETag", '"before"'),)
    fresh: Pairs = (FRESH,)
    ignores_range: bool = False
    origin: RawOrigin = field(default_factory=lambda: RawOrigin(_silent))

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        told = dict(self.fields)
        wanted = None if self.ignores_range else asked.get("range")
        if wanted is not None and asked.get("if-range") not in {None, *told.values()}:
            wanted = None
        if asked.method == "HEAD" or wanted is None:
            body = b"" if asked.method == "HEAD" else self.body
            length = ("Content-Length", str(len(self.body)))
            writer.write(response(body, *self.fresh, *self.fields, length))
            return
        size = len(self.body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        stop = min(int(last) + 1, size) if first and last else size
        if start >= size:
            none = ("Content-Range", f"bytes */{size}")
            writer.write(response(b"", none, status="416 Range Not Satisfiable"))
            return
        part = ("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        content = self.body[start:stop]
        told_all = (*self.fresh, *self.fields, part)
        writer.write(response(content, *told_all, status="206 Partial Content"))

    def changes(self) -> None:
        """Has another representation from now on."""
        self.body = AFTER
        self.fields = (("ETag", '"after"'),)

    def ranges(self) -> list[str | None]:
        """The Range of each request."""
        return [asked.get("range") for asked in self.origin.asked]


async def _silent(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


def span(first: int, last: int | None = None) -> tuple[str, str]:
    return ("Range", f"bytes={first}-{'' if last is None else last}")


async def store(viewer: Viewer, *ranges: tuple[str, str]) -> Got:
    """Has a part stored; whoever asked has the bytes a moment before the cache has them."""
    got = await viewer.get("/", *ranges)
    for _ in range(1000):
        if (
            await viewer.get("/", *ranges, ("Cache-Control", "only-if-cached, max-stale"))
        ).status != 504:
            break
        await asyncio.sleep(0.01)
    return got
