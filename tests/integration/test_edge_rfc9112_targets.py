"""What a request asks for: targets, hosts, versions, limits, and the order of answers."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.proxy_service import Asked, RawOrigin, Viewer, proxy, response

HOST = b"Host: cdn.test\r\n"
LAST = b"Connection: close\r\n\r\n"

both_parsers = pytest.mark.parametrize("method", [b"GET", b"BREW"])


def statuses(data: bytes) -> list[int]:
    """The statuses of all responses in ``data``."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", data)]


async def echo(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answers with the target that was asked for."""
    writer.write(response(asked.target.encode(), ("Cache-Control", "max-age=3600")))


async def test_rfc9112_3_2_2_an_absolute_target_is_sent_on_in_origin_form(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await viewer.get("http://cdn.test/a?b=1")

    assert (got.status, origin.asked[0].target) == (200, "/a?b=1")


async def test_rfc9112_3_2_2_an_absolute_target_without_a_path_means_the_root(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("http://cdn.test?b=1")

    assert origin.asked[0].target == "/?b=1"


async def test_rfc9112_3_2_2_the_host_of_an_absolute_target_outranks_host_in_the_key(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("http://one.test/a", ("Host", "two.test"))

    assert (await viewer.get("/a", ("Host", "one.test"))).cache.startswith("hit")
    assert "uri-miss" in (await viewer.get("/a", ("Host", "two.test"))).cache


async def test_rfc9112_3_2_2_the_host_of_an_absolute_target_is_the_one_the_origin_is_told(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("http://one.test/a", ("Host", "two.test"))

    assert origin.asked[0].get("x-forwarded-host") == "one.test"


@both_parsers
@pytest.mark.parametrize(
    "target",
    [
        b"ftp://cdn.test/x",
        b"http:///x",
        b"http://user@cdn.test/x",
        b"http:/x",
        b"cdn.test:80",
        b"cdn.test",
        b"x/y",
        b"?x",
        b"*x",
        b"/a\x00b",
        b"/a\x01b",
        b"/a\tb",
        b"/a b",
        b"/a\x7fb",
        b"/a\x80b",
        b"/a\xffb",
    ],
)
async def test_rfc9112_3_2_a_target_of_no_known_form_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, target: bytes
) -> None:
    got = statuses(await viewer.raw(method + b" " + target + b" HTTP/1.1\r\n" + HOST + LAST))

    assert (got, origin.asked) == ([400], [])


async def test_rfc9110_9_3_6_connect_is_refused(viewer: Viewer, origin: RawOrigin) -> None:
    head = b"CONNECT cdn.test:80 HTTP/1.1\r\nHost: cdn.test:80\r\n"

    got = statuses(await viewer.raw(head + LAST))

    assert (got, origin.asked) == ([501], [])


async def test_rfc9112_3_2_4_an_asterisk_is_sent_on_as_it_is(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("*", method="OPTIONS")

    assert (origin.asked[0].method, origin.asked[0].target) == ("OPTIONS", "*")


async def test_rfc9112_3_2_4_an_asterisk_is_nothing_that_can_be_read(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await viewer.get("*")

    assert (got.status, origin.asked) == (400, [])


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"Host: cdn.test\r\nHost: other.test\r\n", id="two"),
        pytest.param(b"Host: cdn.test\r\nHost: cdn.test\r\n", id="twice"),
        pytest.param(b"Host:\r\n", id="empty"),
        pytest.param(b"Host: cdn.test/x\r\n", id="path"),
        pytest.param(b"Host: user@cdn.test\r\n", id="user"),
        pytest.param(b"Host: cdn.test:port\r\n", id="port"),
        pytest.param(b"Host: cdn.test other.test\r\n", id="space"),
        pytest.param(b"Host: cdn.test, other.test\r\n", id="list"),
        pytest.param(b"Host: cdn.test?x\r\n", id="query"),
        pytest.param(b"Host: cdn.test#x\r\n", id="fragment"),
        pytest.param(b"Host: [::1\r\n", id="bracket"),
        pytest.param(b"Host: cdn\xff.test\r\n", id="latin"),
    ],
)
async def test_rfc9112_3_2_a_request_without_exactly_one_valid_host_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    got = statuses(await viewer.raw(method + b" /x HTTP/1.1\r\n" + fields + LAST))

    assert (got, origin.asked) == ([400], [])


@pytest.mark.parametrize(
    ("first", "second"), [("CDN.test", "cdn.TEST"), ("cdn.test:80", "cdn.test")]
)
async def test_rfc9110_4_2_3_hosts_that_mean_the_same_have_one_key(
    viewer: Viewer, first: str, second: str
) -> None:
    await viewer.get("/x", ("Host", first))

    assert (await viewer.get("/x", ("Host", second))).cache.startswith("hit")


@pytest.mark.parametrize("other", ["other.test", "cdn.test:8080", "cdn.test."])
async def test_rfc9110_4_2_3_hosts_that_differ_have_keys_of_their_own(
    viewer: Viewer, other: str
) -> None:
    await viewer.get("/x")

    assert "uri-miss" in (await viewer.get("/x", ("Host", other))).cache


@both_parsers
@pytest.mark.parametrize(
    "version",
    [b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/0.9", b"HTTP/11", b"HTTP/1.10", b"http/1.1"],
)
async def test_rfc9112_2_3_a_version_that_is_not_spoken_here_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, version: bytes
) -> None:
    got = statuses(await viewer.raw(method + b" /x " + version + b"\r\n" + HOST + LAST))

    assert got in ([400], [505])
    assert origin.asked == []


@both_parsers
async def test_rfc9112_2_3_a_request_of_http_0_9_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes
) -> None:
    got = statuses(await viewer.raw(method + b" /x\r\n\r\n"))

    assert got in ([400], [505])
    assert origin.asked == []


async def test_rfc9113_3_4_the_preface_of_http_2_is_refused(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = statuses(await viewer.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))

    assert got in ([400], [505])
    assert origin.asked == []


async def test_rfc9112_2_2_empty_lines_before_a_request_are_passed_over(viewer: Viewer) -> None:
    assert statuses(await viewer.raw(b"\r\n\r\nGET /x HTTP/1.1\r\n" + HOST + LAST)) == [200]


async def test_rfc9112_3_a_target_of_8000_characters_is_passed_on(
    viewer: Viewer, origin: RawOrigin
) -> None:
    target = "/" + "a" * 7999

    assert (await viewer.get(target)).status == 200
    assert origin.asked[0].target == target


async def test_rfc9112_3_a_longer_target_is_refused_with_414(
    viewer: Viewer, origin: RawOrigin
) -> None:
    assert (await viewer.get("/" + "a" * 8000)).status == 414
    assert origin.asked == []


@both_parsers
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b" /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST, id="request-line"),
        pytest.param(b" /x HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100_000 + b"\r\n", id="field"),
        pytest.param(
            b" /x HTTP/1.1\r\n" + HOST + b"X" * 100_000 + b": a\r\n", id="name-of-a-field"
        ),
        pytest.param(b" /x HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 128, id="129-fields"),
    ],
)
async def test_rfc6585_5_a_head_beyond_the_limits_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, head: bytes
) -> None:
    got = statuses(await viewer.raw(method + head + LAST))

    assert got in ([400], [431], [])
    assert origin.asked == []


@both_parsers
@pytest.mark.parametrize("piece", [b"a" * 65536, b"X: " + b"a" * 8000 + b"\r\n"])
async def test_rfc6585_5_a_head_without_end_ends_the_connection_before_it_fills_the_memory(
    viewer: Viewer, origin: RawOrigin, method: bytes, piece: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", viewer.port)
    writer.write(method + b" /x HTTP/1.1\r\n" + HOST + (b"X: " if b":" not in piece else b""))
    before, sent = _resident(), 0
    with contextlib.suppress(ConnectionError):
        while sent < 64 * 1024 * 1024 and not reader.at_eof():
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
            if sent % 65536 < len(piece):
                await asyncio.sleep(0)
    writer.close()

    assert sent < 64 * 1024 * 1024
    assert _resident() - before < 16 * 1024 * 1024
    assert origin.asked == []


def _resident() -> int:
    """Bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


SPELLINGS = ["/a/b", "/a%2Fb", "/a%2fb", "/a//b", "/./a/b", "/a/../a/b", "/a/b/", "/%61/b", "/a;b"]


@pytest.mark.parametrize("target", [*SPELLINGS, "/%", "/%zz", "/a\\b", "/?a=/../b", "/x?", "/%00"])
async def test_rfc9110_7_6_3_a_target_goes_to_the_origin_as_it_came(
    viewer: Viewer, origin: RawOrigin, target: str
) -> None:
    await viewer.get(target)

    assert origin.asked[0].target == target


async def test_rfc9110_4_2_3_each_spelling_of_a_path_is_a_key_of_its_own(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(echo)

    for _ in range(2):
        for target in SPELLINGS:
            assert (await viewer.get(target)).body == target.encode()

    assert [asked.target for asked in origin.asked] == SPELLINGS


async def test_rfc9110_7_1_a_fragment_is_no_part_of_the_target(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get("/x#y")

    assert origin.asked[0].target == "/x"
    assert (await viewer.get("/x")).cache.startswith("hit")


async def test_rfc9112_9_3_2_pipelined_requests_are_answered_in_their_order(
    viewer: Viewer, origin: RawOrigin
) -> None:
    async def slow_first(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.target == "/0":
            await asyncio.sleep(0.3)
        await echo(asked, writer)

    origin.answers(slow_first)
    heads = [b"GET /%d HTTP/1.1\r\n" % number + HOST for number in range(20)]

    data = await viewer.raw(b"\r\n".join(heads) + LAST)

    bodies = re.findall(rb"\r\n\r\n(/\d+)", data)
    assert bodies == [b"/%d" % number for number in range(20)]


async def test_rfc9112_9_3_2_bodies_of_pipelined_requests_are_not_mixed(
    viewer: Viewer, origin: RawOrigin
) -> None:
    requests = [
        b"POST /%d HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (number, HOST, number)
        + b"%d" % number * number
        for number in range(1, 10)
    ]

    await viewer.raw(b"".join(requests) + b"GET /end HTTP/1.1\r\n" + HOST + LAST)

    assert [(asked.target, asked.body) for asked in origin.asked[:-1]] == [
        (f"/{number}", b"%d" % number * number) for number in range(1, 10)
    ]


async def test_rfc9112_9_6_after_close_nothing_is_answered(
    viewer: Viewer, origin: RawOrigin
) -> None:
    first = b"GET /x HTTP/1.1\r\n" + HOST + LAST

    got = statuses(await viewer.raw(first + b"GET /y HTTP/1.1\r\n" + HOST + b"\r\n"))

    assert len(got) == 1
    assert "/y" not in [asked.target for asked in origin.asked]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 10_000_000])
async def test_rfc9112_6_2_content_of_any_length_passes_whole(
    viewer: Viewer, origin: RawOrigin, size: int
) -> None:
    body = os.urandom(size)

    got = await viewer.request("PUT", "/x", body=body)

    assert (got.status, origin.asked[0].body) == (200, body)


async def test_rfc9112_7_1_content_in_chunks_of_any_size_passes_whole(
    viewer: Viewer, origin: RawOrigin
) -> None:
    parts = [os.urandom(size) for size in (1, 15, 16, 4095, 65_536, 300_000)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    head = b"PUT /x HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n" + LAST

    got = statuses(await viewer.raw(head + chunks + b"0\r\n\r\n"))

    assert (got, origin.asked[0].body) == ([200], b"".join(parts))


@pytest.fixture
async def impatient(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Viewer]:
    """Asks an edge that waits for nobody's content when it ends."""
    async with proxy(tmp_path, origin, drain_seconds=0.0) as client:
        yield client


async def test_rfc9112_8_content_that_is_cut_is_no_whole_request_upstream(
    impatient: Viewer, origin: RawOrigin
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient.port)
    writer.write(b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n" + b"half" * 100)
    await writer.drain()
    await asyncio.sleep(0.2)
    writer.close()
    await reader.read()

    assert (await impatient.get("/y")).status == 200
    assert [asked.target for asked in origin.asked] == ["/y"]


async def test_viewers_that_stall_while_they_send_content_keep_nobody_else_waiting(
    impatient: Viewer,
) -> None:
    stalled = [await asyncio.open_connection("127.0.0.1", impatient.port) for _ in range(50)]
    for _, writer in stalled:
        writer.write(b"PUT /x HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\nhalf")

    assert (await impatient.get("/y")).status == 200

    for _, writer in stalled:
        writer.close()
