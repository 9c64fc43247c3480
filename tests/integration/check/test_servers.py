"""Packages on servers, good and hostile."""

import gzip
import importlib
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingest.check import (
    check,
)
from tests.integration import hls_package
from tests.integration.check.packages import HIGH, Handler, over_http, report_of, rewrite, site


async def test_a_server_is_checked_like_a_folder(good: Path, broken: Path) -> None:
    path = broken / HIGH / "01.m4s"
    path.write_bytes(path.read_bytes()[:-1])
    for folder in (good, broken):
        async with TestServer(site(folder)) as server:
            package = await over_http(server)
        assert check(package) == await report_of(folder)


async def test_byte_ranges_are_asked_of_a_server(broken: Path) -> None:
    for name in ("640x360", "416x234", "sound"):
        hls_package.join(broken / name)
    async with TestServer(site(broken)) as server:
        assert check(await over_http(server)).findings == ()


async def answered(good: Path, path: str, handler: Handler) -> dict[str, str]:
    """What is found where a server of a good package answers one path with ``handler``."""
    application = web.Application()
    application.router.add_get(f"/v/asset/version/{path}", handler)
    application.router.add_static("/v/asset/version", good)
    async with TestServer(application) as server:
        package = await over_http(server, "/v/asset/version/main.m3u8")
    return {one.rule: one.sentence for one in reversed(check(package).findings)}


async def test_compressed_playlists_are_read(good: Path) -> None:
    async def handler(_request: web.Request) -> web.Response:
        body = gzip.compress((good / HIGH / "playlist.m3u8").read_bytes())
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    assert await answered(good, f"{HIGH}/playlist.m3u8", handler) == {}


async def test_a_playlist_that_grows_out_of_gzip_is_refused(good: Path) -> None:
    bomb = gzip.compress(b"#EXTM3U\n" + b"\n" * (100 << 20))

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    told = await answered(good, f"{HIGH}/playlist.m3u8", handler)
    assert told["bounds"] == f"{HIGH}/playlist.m3u8 is larger than 4194304 bytes."


async def test_a_segment_without_end_is_left(good: Path) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 20))

    told = await answered(good, f"{HIGH}/01.m4s", handler)
    assert told["bounds"] == f"{HIGH}/01.m4s is larger than 67108864 bytes."


async def test_redirects_to_other_servers_are_not_followed(good: Path) -> None:
    async def handler(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/secret")

    assert await answered(good, f"{HIGH}/01.m4s", handler) == {
        "understood": f"{HIGH}/01.m4s leads to another server, which is not asked."
    }


async def test_redirects_on_the_same_server_are_followed(good: Path) -> None:
    async def handler(request: web.Request) -> web.FileResponse:
        if "signed" not in request.query:
            raise web.HTTPFound(f"{request.path}?signed=yes")
        return web.FileResponse(good / HIGH / "01.m4s")

    assert await answered(good, f"{HIGH}/01.m4s", handler) == {}


async def test_a_server_that_is_silent_is_left_alone(good: Path, broken: Path) -> None:
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    lines = "".join(f"#EXTINF:6,\n{number}.m4s\n" for number in range(100))
    rewrite(broken / HIGH / "playlist.m3u8", "#EXT-X-ENDLIST", f"{lines}#EXT-X-ENDLIST")
    for name in ("416x234", "sound"):
        rewrite(broken / "main.m3u8", f"{name}/playlist.m3u8", f"{HIGH}/playlist.m3u8")
    application = web.Application()
    application.router.add_get("/v/asset/version/{path:.*m4s}", handler)
    application.router.add_static("/v/asset/version", broken)
    async with TestServer(application) as server:
        package = await over_http(server, "/v/asset/version/main.m3u8")
    told = [one.sentence for one in check(package).findings if one.rule == "uris-resolve"]
    assert any("is not asked for: the server did not answer before" in one for one in told)
    assert len(set(asked)) < 40


async def test_playlists_that_are_too_long_together_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.import_module("ingest.check.load"), "MOST_LINES", 1000)
    bomb = gzip.compress(b"#EXTM3U\n" + b"#EXT-X-A\n" * 380)
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async def entry(_request: web.Request) -> web.Response:
        lines = "".join(f"#EXT-X-STREAM-INF:BANDWIDTH=1\n{n}.m3u8\n" for n in range(100))
        return web.Response(text=f"#EXTM3U\n{lines}")

    application = web.Application()
    application.router.add_get("/main.m3u8", entry)
    application.router.add_get("/{name}", handler)
    async with TestServer(application) as server:
        package = await over_http(server, "/main.m3u8")
    (sentence,) = {
        one.sentence.partition(" ")[2] for one in check(package).findings if one.rule == "bounds"
    }
    assert sentence.startswith("is one too many: playlists have over 1000 lines together")
    assert len(asked) < 20


async def test_redirects_in_a_circle_end(good: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.path)

    told = await answered(good, f"{HIGH}/01.m4s", handler)
    assert told["uris-resolve"] == f"{HIGH}/01.m4s is redirected more than 5 times."


async def test_other_servers_are_not_asked(good: Path, broken: Path) -> None:
    asked = []

    async def other(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    stranger = web.Application()
    stranger.router.add_get("/{path:.*}", other)
    async with TestServer(stranger) as elsewhere, TestServer(site(broken)) as server:
        rewrite(broken / "main.m3u8", "sound/playlist", f"{elsewhere.make_url('/')}playlist")
        rewrite(broken / HIGH / "playlist.m3u8", "01.m4s", f"{elsewhere.make_url('/')}01.m4s")
        report = check(await over_http(server))
    assert asked == []
    away = [one.sentence for one in report.findings if one.rule == "inside-package"]
    assert len(away) == 2
    assert all(one.endswith("which is not in the package.") for one in away)
