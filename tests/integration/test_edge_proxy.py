"""An edge before any origin, with no control plane: what passes through, and what is cached."""

import asyncio

import pytest

from tests.integration.edge_service import until
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    response,
)


async def test_the_second_request_is_a_hit(viewer: Viewer, origin: RawOrigin) -> None:
    first, second = await viewer.get("/a?b=1"), await viewer.get("/a?b=1")

    assert (first.body, second.body) == (b"hello", b"hello")
    assert first.cache == "fwd=uri-miss; stored"
    assert second.cache.startswith("hit; ttl=")
    assert [asked.target for asked in origin.asked] == ["/a?b=1"]


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW"]
)
async def test_every_method_passes_through(viewer: Viewer, origin: RawOrigin, method: str) -> None:
    origin.answers(response(b"done", status="207 Multi-Status"))

    got = await viewer.request(method, "/x", body=b"12345")

    assert (got.status, got.reason, got.body) == (207, "Multi-Status", b"done")
    assert (origin.asked[0].method, origin.asked[0].body) == (method, b"12345")


async def test_unknown_statuses_and_fields_pass_unchanged(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(response(b"", ("X-Odd-Case", "Va lue"), status="299 Whatever It Is"))

    got = await viewer.get("/")

    assert (got.status, got.reason) == (299, "Whatever It Is")
    assert ("X-Odd-Case", "Va lue") in got.fields


async def test_interim_responses_pass_through(viewer: Viewer, origin: RawOrigin) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    origin.answers(hints + response(b"hello", ("Cache-Control", "max-age=60")))

    got = await viewer.get("/")

    assert got.interim == [(103, [("Link", "</a.css>; rel=preload")])]
    assert got.body == b"hello"
    assert (await viewer.get("/")).interim == []


async def test_the_next_segments_of_a_watched_playlist_are_fetched_ahead(
    viewer: Viewer, origin: RawOrigin
) -> None:
    segments = "".join(f"#EXTINF:6,\n{number}.ts\n" for number in range(9))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n{segments}#EXT-X-ENDLIST\n".encode()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = playlist if asked.target.endswith(".m3u8") else b"segment"
        writer.write(response(body, ("Cache-Control", "max-age=3600")))

    origin.answers(answer)
    await viewer.get("/show/main.m3u8")
    await asyncio.sleep(0.3)
    await viewer.get("/show/3.ts")
    await until(lambda: len(origin.asked) == 4)
    await asyncio.sleep(0.1)

    asked = [asked.target for asked in origin.asked]
    assert asked[:2] == ["/show/main.m3u8", "/show/3.ts"]
    assert sorted(asked[2:]) == ["/show/4.ts", "/show/5.ts"]
    assert (await viewer.get("/show/4.ts")).cache.startswith("hit")
