"""What viewers get from an edge, over real sockets, before a scripted origin."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.integration.edge_service import (
    IMMUTABLE,
    Origin,
    digest_field,
    edge,
    edge_settings,
    serving,
    until,
)
from tests.servers.processes import free_ports

BODY = bytes(range(256)) * 4096
"""1 MiB."""
PATH = "/v/a/1/720p/c0000a1/00000.m4s"


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    (port,) = free_ports(1)
    scripted = Origin(objects={PATH: BODY}, port=port)
    async with serving(scripted.answer, port):
        yield scripted


@pytest.fixture
async def viewer(origin: Origin, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    async with edge(edge_settings(tmp_path, origin.url)) as client:
        yield client


async def test_a_miss_brings_the_object_and_its_fields(viewer: aiohttp.ClientSession) -> None:
    async with viewer.get(PATH) as response:
        assert response.status == 200
        assert await response.read() == BODY
        assert response.headers["Content-Length"] == str(len(BODY))
        assert response.headers["Content-Type"] == "video/mp4"
        assert response.headers["Cache-Control"] == IMMUTABLE
        assert response.headers["Cache-Status"] == "nearcast-eu-1; fwd=uri-miss; stored"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert response.headers["Server"] == "nearcast"


async def test_the_second_request_is_a_hit(viewer: aiohttp.ClientSession, origin: Origin) -> None:
    for _ in range(2):
        async with viewer.get(PATH) as response:
            assert await response.read() == BODY

    assert response.headers["Cache-Status"].startswith("nearcast-eu-1; hit; ttl=")
    assert origin.count(PATH) == 1


async def test_the_query_does_not_split_the_cache(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    for query in ("", "?CMCD=br%3D3200", "?token=x"):
        async with viewer.get(PATH + query) as response:
            assert response.status == 200
            await response.read()

    assert origin.count(PATH) == 1


@pytest.mark.parametrize("warm", [True, False], ids=["hit", "miss"])
@pytest.mark.parametrize(
    ("asked", "expected", "told"),
    [
        ("bytes=0-99", BODY[:100], "bytes 0-99/1048576"),
        ("bytes=1048000-", BODY[1048000:], "bytes 1048000-1048575/1048576"),
        ("bytes=-10", BODY[-10:], "bytes 1048566-1048575/1048576"),
    ],
)
async def test_a_range_is_answered_in_part(
    viewer: aiohttp.ClientSession, warm: bool, asked: str, expected: bytes, told: str
) -> None:
    if warm:
        async with viewer.get(PATH) as response:
            await response.read()

    async with viewer.get(PATH, headers={"Range": asked}) as response:
        assert response.status == 206
        assert await response.read() == expected
        assert response.headers["Content-Range"] == told
        assert response.headers["Content-Length"] == str(len(expected))


async def test_a_range_miss_does_not_poison_the_whole(viewer: aiohttp.ClientSession) -> None:
    async with viewer.get(PATH, headers={"Range": "bytes=5-9"}) as response:
        assert await response.read() == BODY[5:10]

    async with viewer.get(PATH) as response:
        assert response.status == 200
        assert await response.read() == BODY


async def test_a_range_beyond_the_end_is_refused(viewer: aiohttp.ClientSession) -> None:
    async with viewer.get(PATH, headers={"Range": "bytes=2000000-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == "bytes */1048576"
        assert response.headers["Content-Length"] == "0"


async def test_a_client_with_the_same_bytes_gets_304(viewer: aiohttp.ClientSession) -> None:
    async with viewer.get(PATH) as response:
        etag = response.headers["ETag"]
        await response.read()

    async with viewer.get(PATH, headers={"If-None-Match": etag}) as response:
        assert response.status == 304
        assert await response.read() == b""
        assert response.headers["ETag"] == etag
        assert response.headers["Cache-Control"] == IMMUTABLE
        assert "Content-Length" not in response.headers


async def test_if_range_with_another_tag_gets_the_whole(viewer: aiohttp.ClientSession) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"other"'}
    async with viewer.get(PATH, headers=headers) as response:
        assert response.status == 200
        assert await response.read() == BODY


@pytest.mark.parametrize("warm", [True, False], ids=["hit", "miss"])
async def test_head_tells_the_length_and_sends_nothing(
    viewer: aiohttp.ClientSession, warm: bool
) -> None:
    if warm:
        async with viewer.get(PATH) as response:
            await response.read()

    async with viewer.head(PATH) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(BODY))
        assert await response.read() == b""
    async with viewer.get(PATH) as response:
        assert await response.read() == BODY


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v/a/1/../2/x.m4s", 400),
        ("/v/a/1/%2e%2e/x.m4s", 400),
        ("/v/a/1%2Fx.m4s", 400),
        ("/v//a/1/x.m4s", 400),
        ("/v/a/1/x\\y", 400),
        ("/v/" + "a" * 1000, 400),
        ("/", 404),
        ("/uploads/j/source", 404),
        ("/v/a", 404),
        ("/metrics", 404),
    ],
)
async def test_paths_of_no_object_are_refused(
    viewer: aiohttp.ClientSession, origin: Origin, path: str, status: int
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", viewer._base_url.port)  # type: ignore[union-attr]  # a client would mend the path
    writer.write(f"GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in answer
    assert origin.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PURGE"])
async def test_objects_are_only_read(viewer: aiohttp.ClientSession, method: str) -> None:
    async with viewer.request(method, PATH) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


async def test_a_preflight_allows_ranges_from_any_page(viewer: aiohttp.ClientSession) -> None:
    async with viewer.options(PATH) as response:
        assert response.status == 204
        assert "Range" in response.headers["Access-Control-Allow-Headers"]


async def test_many_waiting_clients_cause_one_fetch(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    go = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response(body=BODY, headers=origin.fields(BODY))

    origin.scripts[PATH] = slow

    async def watch() -> tuple[bytes, str]:
        async with viewer.get(PATH) as response:
            return await response.read(), response.headers["Cache-Status"]

    watching = [asyncio.create_task(watch()) for _ in range(100)]
    await until(lambda: origin.count(PATH) > 0)
    await asyncio.sleep(0.2)
    go.set()
    answers = await asyncio.gather(*watching)

    assert origin.count(PATH) == 1
    assert {body for body, _ in answers} == {BODY}
    assert sum("collapsed" in status for _, status in answers) == 99


async def test_bytes_reach_waiters_before_the_origin_has_finished(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    go = asyncio.Event()

    async def halfway(request: web.Request) -> web.StreamResponse:
        headers = {**origin.fields(BODY), "Content-Length": str(len(BODY))}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(BODY[: len(BODY) // 2])
        await go.wait()
        await response.write(BODY[len(BODY) // 2 :])
        return response

    origin.scripts[PATH] = halfway
    async with viewer.get(PATH) as response:
        first = await response.content.readexactly(len(BODY) // 2)
        go.set()
        assert first + await response.read() == BODY


async def test_the_first_client_may_leave(viewer: aiohttp.ClientSession, origin: Origin) -> None:
    go = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await go.wait()
        return web.Response(body=BODY, headers=origin.fields(BODY))

    origin.scripts[PATH] = slow
    first = asyncio.create_task(viewer.get(PATH).__aenter__())
    await until(lambda: origin.count(PATH) == 1)
    second = asyncio.create_task(viewer.get(PATH).__aenter__())
    await asyncio.sleep(0.1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    go.set()

    async with await second as response:
        assert await response.read() == BODY
    assert origin.count(PATH) == 1


async def cut_off(viewer: aiohttp.ClientSession) -> None:
    """Asserts that the answer of PATH is 502, or ends before its announced length."""
    async with viewer.get(PATH) as response:
        if response.status == 200:
            with pytest.raises(aiohttp.ClientError):
                await response.read()
        else:
            assert response.status == 502


async def test_an_origin_that_dies_midway_cuts_its_viewers_and_is_gone_on_with_later(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    async def dies(request: web.Request) -> web.StreamResponse:
        headers = {**origin.fields(BODY), "Content-Length": str(len(BODY))}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(BODY[:300_000])
        assert request.transport is not None
        request.transport.abort()
        return response

    origin.scripts[PATH] = dies
    await cut_off(viewer)
    del origin.scripts[PATH]

    async with viewer.get(PATH) as response:
        assert await response.read() == BODY
        assert "fwd=partial" in response.headers["Cache-Status"]


async def test_bytes_with_a_wrong_digest_are_never_kept_nor_ended_properly(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    async def lies(_: web.Request) -> web.Response:
        headers = {**origin.fields(BODY), "Repr-Digest": digest_field(b"other")}
        return web.Response(body=BODY, headers=headers)

    origin.scripts[PATH] = lies
    await cut_off(viewer)
    await cut_off(viewer)

    assert origin.count(PATH) == 2


@pytest.mark.parametrize(("upstream", "told"), [(404, 404), (401, 502), (403, 502), (500, 502)])
async def test_a_refusal_of_the_origin_is_told(
    viewer: aiohttp.ClientSession, origin: Origin, upstream: int, told: int
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=upstream)

    origin.scripts[PATH] = refuse
    async with viewer.get(PATH) as response:
        assert response.status == told
        assert (await response.json(content_type="application/problem+json"))["status"] == told
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_an_origin_that_is_away_is_told(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with (
        edge(edge_settings(tmp_path, f"http://127.0.0.1:{port}")) as viewer,
        viewer.get(PATH) as response,
    ):
        assert response.status == 502
        problem = await response.json(content_type="application/problem+json")
        assert problem["detail"].startswith("The origin cannot be reached: ")


async def test_a_response_without_freshness_is_not_kept(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    async def bare(_: web.Request) -> web.Response:
        return web.Response(body=b"now", headers={"ETag": '"1"'})

    origin.scripts[PATH] = bare
    for _ in range(2):
        async with viewer.get(PATH) as response:
            assert await response.read() == b"now"

    assert origin.count(PATH) == 2


async def test_a_response_of_unknown_length_is_sent_in_chunks_and_kept_with_its_length(
    viewer: aiohttp.ClientSession, origin: Origin
) -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Cache-Control": "max-age=60"})
        await response.prepare(request)
        await response.write(b"one ")
        await response.write(b"two")
        return response

    origin.scripts[PATH] = chunked
    async with viewer.get(PATH) as response:
        assert await response.read() == b"one two"
        assert response.headers["Transfer-Encoding"] == "chunked"
    async with viewer.get(PATH) as response:
        assert await response.read() == b"one two"
        assert response.headers["Content-Length"] == "7"


async def test_a_hit_tells_its_age(viewer: aiohttp.ClientSession, origin: Origin) -> None:
    async def aged(_: web.Request) -> web.Response:
        headers = {"Cache-Control": "max-age=600", "Age": "100"}
        return web.Response(body=b"aged", headers=headers)

    origin.scripts[PATH] = aged
    for _ in range(2):
        async with viewer.get(PATH) as response:
            await response.read()

    assert 100 <= int(response.headers["Age"]) <= 102
    assert "ttl=" in response.headers["Cache-Status"]
