"""What tests of the checker do with packages."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import BaseTestServer

from deploy.check import ENTRIES
from ingest.check import (
    FolderReader,
    HttpReader,
    Package,
    Report,
    check,
    load,
)

HIGH = "640x360"


async def loaded(folder: Path) -> Package:
    reader = await asyncio.to_thread(FolderReader, folder, ENTRIES)
    return await load(reader, lambda _done, _total: None)


async def report_of(folder: Path) -> Report:
    return check(await loaded(folder))


async def found(folder: Path) -> dict[str, str]:
    """The first sentence of each broken rule."""
    report = await report_of(folder)
    return {one.rule: one.sentence for one in reversed(report.findings)}


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def site(folder: Path) -> web.Application:
    """A server of ``folder`` below /v/asset/version/, and a redirect to it."""
    application = web.Application()

    async def play(_request: web.Request) -> web.Response:
        raise web.HTTPFound("/v/asset/version/main.m3u8")

    application.router.add_get("/play/asset", play)
    application.router.add_static("/v/asset/version", folder)
    return application


async def over_http(server: BaseTestServer, path: str = "/play/asset") -> Package:
    async with HttpReader(str(server.make_url(path)), None) as reader:
        return await load(reader, lambda _done, _total: None)
