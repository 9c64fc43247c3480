"""What an edge says to a server upstream, and hears from it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.fetch.errors import UpstreamBroke, UpstreamSlow
from edge.fetch.pool import Pool
from edge.fetch.wire import Head
from tests.integration.upstream_service import (
    CHUNKED,
    CONTINUE,
    EARLY_HINTS,
    HURRIED,
    MIB,
    NOTHING,
    OK,
    Caller,
    answers,
    answers_and_stays,
    asking,
    content,
    endless,
    hears,
    response_of,
    serving,
)

# What is said passes unchanged.


async def test_a_request_goes_out_as_it_was_written() -> None:
    heard: list[bytes] = []
    fields = (("hOST", "origin.test"), ("X-b", "1"), ("x-B", "2"))

    await response_of(hears(heard), request=asking("ODD-Method", "/a%2fb?c", fields=fields))

    assert heard == [
        b"ODD-Method /a%2fb?c HTTP/1.1\r\nhOST: origin.test\r\nX-b: 1\r\nx-B: 2\r\n\r\n"
    ]


async def test_a_head_comes_in_as_it_was_written() -> None:
    head, _ = await response_of(
        answers(b"HTTP/1.1 299 Fine, \xfcberhaupt\r\nx-B: 2\r\nCONTENT-length: 0\r\nX-b: 1\r\n\r\n")
    )

    fields = (("x-B", "2"), ("CONTENT-length", "0"), ("X-b", "1"))
    assert head == Head(299, "Fine, überhaupt", fields, "1.1")


async def test_interim_responses_are_handed_on_in_their_order(pool: Pool) -> None:
    heard: list[tuple[int, str, tuple[tuple[str, str], ...]]] = []

    async def interim(status: int, reason: str, fields: tuple[tuple[str, str], ...]) -> None:
        heard.append((status, reason, fields))

    async with (
        serving(answers(CONTINUE + EARLY_HINTS + OK)) as server,
        pool.request(server.endpoint, asking(), interim=interim),
    ):
        pass

    assert heard == [(100, "Continue", ()), (103, "Early Hints", (("Link", "</a>"),))]


async def test_an_error_of_who_takes_interim_responses_is_not_the_origins(pool: Pool) -> None:
    async def interim(*_: object) -> None:
        raise ConnectionResetError("the viewer left")

    async with serving(answers(EARLY_HINTS + OK)) as server:
        with pytest.raises(ConnectionResetError, match="the viewer left"):
            async with pool.request(server.endpoint, asking(), interim=interim):
                pass


async def test_thirty_two_interim_responses_are_taken() -> None:
    head, _ = await response_of(answers(EARLY_HINTS * 32 + OK))

    assert head.status == 200


# Content.


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["sized", "chunked", "with-trailers", "until-closed", "http-1.0"],
)
async def test_content_is_read_to_its_end(response: bytes) -> None:
    assert (await response_of(answers(response)))[1] == b"hello"


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", b"200 OK"), ("GET", b"204 None"), ("GET", b"304 Same")]
)
async def test_what_has_no_content_waits_for_none(method: str, status: bytes) -> None:
    length = b"" if status.startswith(b"204") else b"Content-Length: 9\r\n"
    script = answers_and_stays(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n")

    assert (await response_of(script, request=asking(method)))[1] == b""


async def test_content_comes_in_pieces_of_256_kib_at_most(pool: Pool) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * MIB) + bytes(3 * MIB)
    async with (
        serving(answers(response)) as server,
        pool.request(server.endpoint, asking()) as exchange,
    ):
        # Bytes gather while nobody reads.
        await asyncio.sleep(0.2)
        sizes = [len(piece) async for piece in exchange.pieces()]

    assert (sum(sizes), max(sizes) <= 256 * 1024) == (3 * MIB, True)


async def test_received_bytes_are_counted(pool: Pool) -> None:
    async with (
        serving(answers(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n")) as server,
        pool.request(server.endpoint, asking()) as exchange,
    ):
        async for _ in exchange.pieces():
            pass

    assert exchange.bytes_received == 5


# Nonsense.


@pytest.mark.parametrize(
    "response",
    [
        NOTHING,
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"<html>hello</html>",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX y: a\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nUpgrade: other\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"X: y\r\n" * 256 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * 65_536 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        EARLY_HINTS * 33 + OK,
    ],
    ids=[
        "nothing",
        "half-a-head",
        "http-0.9",
        "tls",
        "nul",
        "space-in-a-name",
        "two-digit-status",
        "switching-protocols",
        "length-and-chunks",
        "two-lengths",
        "negative-length",
        "unknown-coding",
        "257-fields",
        "head-just-above-64-kib",
        "head-far-above-64-kib",
        "33-interim-responses",
    ],
)
async def test_a_malformed_head_is_an_error(response: bytes) -> None:
    with pytest.raises(UpstreamBroke):
        await response_of(answers(response))


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        CHUNKED + b"5\r\nhel",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
    ],
    ids=["cut", "chunk-cut", "no-last-chunk", "bad-size", "chunk-too-long", "bad-trailer"],
)
async def test_content_that_is_cut_or_malformed_is_an_error(pool: Pool, response: bytes) -> None:
    async with (
        serving(answers(response)) as server,
        pool.request(server.endpoint, asking()) as exchange,
    ):
        with pytest.raises(UpstreamBroke):
            async for _ in exchange.pieces():
                pass


async def test_the_error_of_cut_content_tells_what_was_asked() -> None:
    with pytest.raises(UpstreamBroke, match="/v/1"):
        await response_of(
            answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
            request=asking(target="/v/1"),
        )


# Time.


async def test_a_server_that_does_not_answer_is_slow() -> None:
    with pytest.raises(UpstreamSlow):
        await response_of(answers_and_stays(NOTHING), timeouts=HURRIED)


async def test_a_head_that_comes_byte_by_byte_is_slow() -> None:
    async def drip(caller: Caller) -> None:
        await caller.head()
        await caller.say(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(100):
            await caller.say(b"y")
            await asyncio.sleep(0.05)

    with pytest.raises(UpstreamSlow):
        await response_of(drip, timeouts=HURRIED)


async def test_content_that_stalls_is_slow() -> None:
    script = answers_and_stays(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")

    with pytest.raises(UpstreamSlow):
        await response_of(script, timeouts=HURRIED)


async def test_a_server_that_takes_no_content_is_slow() -> None:
    async def deaf(caller: Caller) -> None:
        await asyncio.Event().wait()

    with pytest.raises(UpstreamSlow):
        await response_of(deaf, request=asking("PUT", body=endless()), timeouts=HURRIED)


async def test_a_server_that_takes_content_and_does_not_answer_is_slow() -> None:
    with pytest.raises(UpstreamSlow):
        await response_of(
            answers_and_stays(NOTHING),
            request=asking("PUT", body=content(b"hello"), body_length=5),
            timeouts=HURRIED,
        )


async def test_an_answer_may_take_longer_while_content_is_still_on_its_way() -> None:
    async def unhurried() -> AsyncIterator[bytes]:
        for _ in range(3):
            await asyncio.sleep(0.2)
            yield b"a"

    async def reads_all(caller: Caller) -> None:
        await caller.head()
        await caller.reader.readuntil(b"0\r\n\r\n")
        await caller.say(OK)

    _, body = await response_of(
        reads_all, request=asking("POST", body=unhurried()), timeouts=HURRIED
    )

    assert body == b"ok"
