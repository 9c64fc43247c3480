"""An edge with its operators' port, and an origin whose responses have tags, for tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.edge_service import (
    admin_port,
    edge,
)
from tests.integration.proxy_service import (
    Asked,
    Got,
    RawOrigin,
    Viewer,
    proxy_settings,
    response,
)

PATHS = ("/a/1", "/a/2", "/b/1", "/ab/3")


@dataclass
class Purged:
    """An edge, and its operators' port."""

    viewer: Viewer
    admin: Viewer

    async def purge(self, *fields: tuple[str, str], **asked: Any) -> Got:
        return await self.admin.request(
            "POST", "/v1/purge", *fields, body=json.dumps(asked).encode()
        )

    async def metric(self, name: str) -> float:
        lines = (await self.admin.get("/metrics")).body.decode().splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(name)))


@asynccontextmanager
async def running(folder: Path, origin: RawOrigin, **changes: Any) -> AsyncIterator[Purged]:
    settings = proxy_settings(folder, origin.url, **changes)
    async with edge(settings):
        yield Purged(Viewer(settings.listen.port), Viewer(admin_port(settings)))


async def tagged(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Tags each response with the segments of its path, and confirms what is asked for again."""
    fields = (
        ("Cache-Control", "max-age=3600"),
        ("ETag", '"x"'),
        ("Surrogate-Key", asked.target.replace("/", " ")),
    )
    if asked.get("if-none-match") == '"x"':
        writer.write(response(b"", *fields, status="304 Not Modified"))
    else:
        writer.write(response(asked.target.encode(), *fields))


async def fill(viewer: Viewer) -> None:
    """Has all of ``PATHS`` stored."""
    for path in PATHS:
        while not (await viewer.get(path)).cache.startswith("hit"):
            pass
