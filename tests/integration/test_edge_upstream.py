"""The way upstream against servers that say exactly what a script has them say, right or wrong."""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from edge.fetch import connection as connection_module
from edge.fetch import pool as pool_module
from edge.fetch.connection import Endpoint, Head, Timeouts, UpstreamRequest
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.fetch.origins import Origins
from edge.fetch.pool import Pool
from edge.policy.origin_health import FAILURES, FIRST_PAUSE
from tests.servers.processes import free_ports

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
NOTHING = b""
"""Hangs up in place of an answer."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
HURRIED = Timeouts(connect=5, first_byte=0.3, stall=0.3)
MIB = 1024 * 1024


class Caller:
    """A connection as the scripted server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def head(self) -> bytes:
        """The head of the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def say(self, data: bytes) -> None:
        """Sends ``data``."""
        self._writer.write(data)
        await self._writer.drain()


Script = Callable[[Caller], Awaitable[None]]


@dataclasses.dataclass
class Server:
    """Follows one script per connection, the last one for all further connections."""

    scripts: tuple[Script, ...]
    endpoint: Endpoint = dataclasses.field(default_factory=lambda: Endpoint("http", "-", 0))
    connections: int = 0
    hung_up: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set when a script is through and its connection closed."""
    _tasks: set[asyncio.Task[None]] = dataclasses.field(default_factory=set)

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self.scripts[min(self.connections, len(self.scripts) - 1)]
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._follow(script, reader, writer)))

    async def _follow(
        self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # A caller may hang up at any moment.
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await script(Caller(reader, writer))
        self.hung_up.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        assert [each for each in results if isinstance(each, Exception)] == []


@contextlib.asynccontextmanager
async def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, socket: Path | None = None
) -> AsyncIterator[Server]:
    server = Server(scripts)
    if socket is not None:
        listening = await asyncio.start_unix_server(server.take, socket)
        server.endpoint = Endpoint("http", "sibling", 80, unix_socket=socket)
    else:
        (port,) = free_ports(1)
        listening = await asyncio.start_server(server.take, "127.0.0.1", port, ssl=tls)
        server.endpoint = Endpoint("http" if tls is None else "https", "127.0.0.1", port)
    async with listening:
        try:
            yield server
        finally:
            await server.stop()


def answers(*responses: bytes) -> Script:
    """Answers one request with each of ``responses``, then hangs up."""

    async def script(caller: Caller) -> None:
        for response in responses:
            await caller.head()
            await caller.say(response)

    return script


def answers_and_stays(*responses: bytes) -> Script:
    """Answers one request with each of ``responses``, then waits for the caller to hang up."""

    async def script(caller: Caller) -> None:
        await answers(*responses)(caller)
        await caller.reader.read()

    return script


def hears(heard: list[bytes], response: bytes = OK) -> Script:
    """Answers every request with ``response``, and keeps their heads in ``heard``."""

    async def script(caller: Caller) -> None:
        while True:
            heard.append(await caller.head())
            await caller.say(response)

    return script


def asking(method: str = "GET", target: str = "/a", **changes: object) -> UpstreamRequest:
    request = UpstreamRequest(method, target, (("Host", "origin.test"),))
    return dataclasses.replace(request, **changes)  # type: ignore[arg-type]


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(64 * 1024)
        await asyncio.sleep(0)


async def fetched(
    pool: Pool, endpoint: Endpoint, request: UpstreamRequest | None = None
) -> tuple[Head, bytes]:
    """The whole response of ``endpoint``."""
    async with pool.request(endpoint, request or asking()) as exchange:
        return exchange.head, b"".join([piece async for piece in exchange.pieces()])


async def content_from(
    origins: Origins, request: UpstreamRequest | None = None, shield: Endpoint | None = None
) -> bytes:
    """The content of the response of one of ``origins``."""
    async with origins.request(request or asking(), shield=shield) as exchange:
        return b"".join([piece async for piece in exchange.pieces()])


async def response_of(
    script: Script,
    *,
    request: UpstreamRequest | None = None,
    timeouts: Timeouts | None = None,
) -> tuple[Head, bytes]:
    """What the way upstream makes of a server that follows ``script``."""
    pool = Pool(context=None, timeouts=timeouts)
    async with serving(script) as server:
        try:
            return await fetched(pool, server.endpoint, request=request)
        finally:
            await pool.close()


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(context=None)
    yield pool
    await pool.close()


@pytest.fixture
async def hurried() -> AsyncIterator[Pool]:
    pool = Pool(context=None, timeouts=HURRIED, per_endpoint=1)
    yield pool
    await pool.close()


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


# Content of requests.


def hears_content(heard: list[bytes], end: bytes) -> Script:
    """Reads a request to ``end`` of its content, keeps it in ``heard``, and answers."""

    async def script(caller: Caller) -> None:
        heard.append((await caller.head()).partition(b"origin.test\r\n")[2])
        heard.append(await caller.reader.readuntil(end))
        await caller.say(OK)

    return script


async def test_content_of_a_known_length_is_sent_with_it() -> None:
    heard: list[bytes] = []
    body = content(b"hel", b"lo")

    await response_of(hears_content(heard, b"lo"), request=asking("PUT", body=body, body_length=5))

    assert heard == [b"Content-Length: 5\r\n\r\n", b"hello"]


async def test_content_of_an_unknown_length_is_sent_in_chunks() -> None:
    heard: list[bytes] = []

    await response_of(
        hears_content(heard, b"0\r\n\r\n"), request=asking("PUT", body=content(b"hel", b"lo"))
    )

    assert heard == [
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
    ]


def expecting(body: AsyncIterator[bytes]) -> UpstreamRequest:
    fields = (("Host", "origin.test"), ("Expect", "100-continue"))
    return asking("PUT", fields=fields, body=body, body_length=5)


def continues(sent_before: list[bool], sending: asyncio.Event, requests: int = 1) -> Script:
    """Asks for content after a while, and keeps in ``sent_before`` whether it was on its way."""

    async def script(caller: Caller) -> None:
        for _ in range(requests):
            await caller.head()
            await asyncio.sleep(0.2)
            sent_before.append(sending.is_set())
            await caller.say(CONTINUE)
            await caller.reader.readexactly(5)
            sending.clear()
            await caller.say(OK)

    return script


async def noted(sending: asyncio.Event) -> AsyncIterator[bytes]:
    sending.set()
    yield b"hello"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Content waits for 100 Continue for longer than any test lasts."""
    monkeypatch.setattr(connection_module, "CONTINUE_WITHIN", 1_000.0)


@pytest.mark.usefixtures("patient")
async def test_expected_content_waits_for_100_continue() -> None:
    sent_before: list[bool] = []
    sending = asyncio.Event()

    _, answer = await response_of(
        continues(sent_before, sending), request=expecting(noted(sending))
    )

    assert (sent_before, answer) == ([False], b"ok")


@pytest.mark.usefixtures("patient")
async def test_each_request_on_a_connection_waits_for_a_100_continue_of_its_own(
    pool: Pool,
) -> None:
    sent_before: list[bool] = []
    sending = asyncio.Event()
    async with serving(continues(sent_before, sending, requests=2)) as server:
        for _ in range(2):
            await fetched(pool, server.endpoint, expecting(noted(sending)))

    assert sent_before == [False, False]


async def test_expected_content_is_kept_back_when_the_answer_is_final() -> None:
    heard: list[bytes] = []

    async def script(caller: Caller) -> None:
        await caller.head()
        await caller.say(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        heard.append(await caller.reader.read())

    pool = Pool(context=None)
    async with serving(script) as server:
        await fetched(pool, server.endpoint, request=expecting(content(b"hello")))
        await server.hung_up.wait()

    assert heard == [b""]


async def test_expected_content_is_sent_in_the_end_when_no_100_continue_comes() -> None:
    heard: list[bytes] = []

    await response_of(hears_content(heard, b"hello"), request=expecting(content(b"hello")))

    assert heard[1] == b"hello"


async def test_an_answer_comes_through_while_content_is_still_sent() -> None:
    async def script(caller: Caller) -> None:
        await caller.head()
        await caller.say(BUSY)
        while await caller.reader.read(MIB):
            pass

    _, answer = await response_of(script, request=asking("PUT", body=endless()))

    assert answer == b"busy"


@pytest.mark.parametrize("error", [ValueError, ConnectionResetError, TimeoutError])
async def test_an_error_of_the_content_is_raised_as_it_is(error: type[Exception]) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"hel"
        raise error("of the content")

    with pytest.raises(error, match="of the content"):
        await response_of(answers_and_stays(NOTHING), request=asking("PUT", body=body()))


async def test_an_error_of_the_content_closes_the_connection(pool: Pool) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"hel"
        raise ValueError

    async with serving(answers_and_stays(NOTHING)) as server:
        with pytest.raises(ValueError):  # noqa: PT011
            await fetched(pool, server.endpoint, request=asking("PUT", body=body()))

        assert await server.hung_up.wait()


async def test_a_server_that_hangs_up_on_content_without_an_answer_is_an_error() -> None:
    with pytest.raises(UpstreamBroke):
        await response_of(answers(NOTHING), request=asking("PUT", body=endless()))


async def test_content_shorter_than_its_length_is_an_error() -> None:
    with pytest.raises(UpstreamBroke):
        await response_of(
            answers_and_stays(NOTHING),
            request=asking("PUT", body=content(b"hel"), body_length=5),
        )


# Connections are kept.


async def connections_for_two(
    pool: Pool, *scripts: Script, second: UpstreamRequest | None = None
) -> int:
    """How many connections two requests after each other take."""
    async with serving(*scripts) as server:
        await fetched(pool, server.endpoint)
        # Whatever the server does after its answer has arrived.
        await asyncio.sleep(0.1)
        await fetched(pool, server.endpoint, request=second)
        return server.connections


@pytest.mark.parametrize(
    "response",
    [
        OK,
        CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
        EARLY_HINTS + OK,
        b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
    ],
    ids=["sized", "chunked", "after-interim-responses", "without-content"],
)
async def test_a_connection_is_used_again(pool: Pool, response: bytes) -> None:
    assert await connections_for_two(pool, answers_and_stays(response, response)) == 1


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + OK,
    ],
    ids=["told-to-close", "http-1.0", "more-than-was-asked-for"],
)
async def test_a_connection_is_not_used_again(pool: Pool, response: bytes) -> None:
    assert await connections_for_two(pool, answers_and_stays(response, OK)) == 2


async def test_a_connection_the_server_has_closed_is_not_used_again(pool: Pool) -> None:
    # A POST: nothing would send it again.
    assert await connections_for_two(pool, answers(OK), second=asking("POST")) == 2


async def test_a_connection_on_which_something_came_unasked_is_not_used_again(pool: Pool) -> None:
    async def script(caller: Caller) -> None:
        await answers(OK)(caller)
        await asyncio.sleep(0.02)
        await caller.say(b"HTTP/1.1 408 Too Slow\r\nContent-Length: 0\r\n\r\n")
        await caller.reader.read()

    scripts = (script, answers_and_stays(OK))
    assert await connections_for_two(pool, *scripts, second=asking("POST")) == 2


async def test_a_connection_is_not_kept_for_longer_than_the_idle_time(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "IDLE_SECONDS", 0.01)

    assert await connections_for_two(pool, answers_and_stays(OK, OK)) == 2


@pytest.mark.parametrize("status", [b"304 Same", b"204 None"])
async def test_a_response_without_content_need_not_be_read_for_its_connection_to_be_kept(
    pool: Pool, status: bytes
) -> None:
    response = b"HTTP/1.1 " + status + b"\r\n\r\n"
    async with serving(answers_and_stays(response, response)) as server:
        for _ in range(2):
            async with pool.request(server.endpoint, asking()):
                pass

        assert server.connections == 1


async def test_leaving_before_the_end_of_the_content_closes_the_connection(pool: Pool) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"
    async with serving(answers_and_stays(response)) as server:
        async with pool.request(server.endpoint, asking()):
            pass

        assert await server.hung_up.wait()


async def test_closing_the_pool_closes_what_it_kept(pool: Pool) -> None:
    async with serving(answers_and_stays(OK)) as server:
        await fetched(pool, server.endpoint)
        await pool.close()

        assert await server.hung_up.wait()


def hangs_up_on_the_second(*, saying: bytes = NOTHING) -> Script:
    """Answers a request, and hangs up on the next one."""
    return answers(OK, saying)


async def test_a_request_on_a_kept_connection_that_hangs_up_is_sent_again(pool: Pool) -> None:
    scripts = (hangs_up_on_the_second(), answers(OK))

    assert await connections_for_two(pool, *scripts) == 2


@pytest.mark.parametrize(
    ("script", "second"),
    [
        (hangs_up_on_the_second(), asking("POST")),
        (hangs_up_on_the_second(), asking("PURGE")),
        (hangs_up_on_the_second(), asking("PUT", body=content(b"a"), body_length=1)),
        (hangs_up_on_the_second(saying=b"HTTP"), asking()),
    ],
    ids=["post", "unknown-method", "with-content", "after-a-first-byte"],
)
async def test_a_request_that_may_have_had_effects_is_not_sent_again(
    pool: Pool, script: Script, second: UpstreamRequest
) -> None:
    async with serving(script, answers(OK)) as server:
        await fetched(pool, server.endpoint)
        with pytest.raises(UpstreamBroke):
            await fetched(pool, server.endpoint, request=second)

        assert server.connections == 1


async def test_a_request_is_sent_twice_at_most(pool: Pool) -> None:
    async with serving(hangs_up_on_the_second(), answers(NOTHING)) as server:
        await fetched(pool, server.endpoint)
        with pytest.raises(UpstreamBroke):
            await fetched(pool, server.endpoint)

        assert server.connections == 2


async def test_a_request_on_a_new_connection_is_not_sent_again(pool: Pool) -> None:
    async with serving(answers(NOTHING)) as server:
        with pytest.raises(UpstreamBroke):
            await fetched(pool, server.endpoint)

        assert server.connections == 1


async def test_requests_beyond_the_bound_wait_for_a_connection() -> None:
    pool = Pool(context=None, per_endpoint=1)
    async with serving(hears([])) as server:
        await asyncio.gather(*(fetched(pool, server.endpoint) for _ in range(5)))
        await pool.close()

        assert server.connections == 1


async def test_no_connection_in_time_is_slow(hurried: Pool) -> None:
    async with (
        serving(answers_and_stays(OK)) as server,
        hurried.request(server.endpoint, asking()),
    ):
        with pytest.raises(UpstreamSlow):
            await fetched(hurried, server.endpoint)


async def test_a_cancelled_request_gives_its_place_back(hurried: Pool) -> None:
    async with serving(answers_and_stays(NOTHING), answers(OK)) as server:
        request = asyncio.create_task(fetched(hurried, server.endpoint))
        await asyncio.sleep(0.1)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

        assert (await fetched(hurried, server.endpoint))[1] == b"ok"


# Where servers are.


def test_a_url_names_an_endpoint() -> None:
    assert Endpoint.of("https://Origin.test/a/b/") == Endpoint("https", "origin.test", 443, "/a/b")


@pytest.mark.parametrize(
    "url",
    [
        "origin.test",
        "ftp://origin.test",
        "http://",
        "http://origin.test:99999",
        "http://origin.test:0",
        "http://origin.test/?a",
        "http://origin.test/#a",
        "http://user:password@origin.test",
    ],
)
def test_an_odd_url_names_no_endpoint(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Endpoint.of(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://origin.test", "origin.test"),
        ("https://origin.test:443", "origin.test"),
        ("http://origin.test:443", "origin.test:443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_an_authority_leaves_out_the_schemes_own_port(url: str, authority: str) -> None:
    assert Endpoint.of(url).authority == authority


async def test_a_unix_socket_is_asked_like_any_server(pool: Pool, tmp_path: Path) -> None:
    async with serving(answers(OK), socket=tmp_path / "sibling") as server:
        assert (await fetched(pool, server.endpoint))[1] == b"ok"


def nobody() -> Endpoint:
    """Where nobody listens."""
    return Endpoint("http", "127.0.0.1", free_ports(1)[0])


async def test_a_port_nobody_listens_on_is_unreachable(pool: Pool) -> None:
    with pytest.raises(UpstreamUnreachable):
        await fetched(pool, nobody())


async def test_a_socket_nobody_listens_on_is_unreachable(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(UpstreamUnreachable):
        await fetched(pool, Endpoint("http", "-", 80, unix_socket=tmp_path / "nobody"))


def trusting(authority: trustme.CA) -> Pool:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return Pool(context=context, timeouts=HURRIED)


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_server_that_proves_its_name_is_asked_over_tls(authority: trustme.CA) -> None:
    pool = trusting(authority)
    async with serving(answers(OK), tls=certified(authority, "127.0.0.1")) as server:
        assert (await fetched(pool, server.endpoint))[1] == b"ok"
    await pool.close()


async def test_connections_over_tls_are_used_again(authority: trustme.CA) -> None:
    pool = trusting(authority)
    async with serving(hears([]), tls=certified(authority, "127.0.0.1")) as server:
        for _ in range(3):
            await fetched(pool, server.endpoint)
        await pool.close()

        assert server.connections == 1


async def test_a_server_of_another_name_is_unreachable(authority: trustme.CA) -> None:
    async with serving(answers(OK), tls=certified(authority, "other.test")) as server:
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await fetched(trusting(authority), server.endpoint)


async def test_a_server_that_nobody_vouches_for_is_unreachable(authority: trustme.CA) -> None:
    async with serving(answers(OK), tls=certified(trustme.CA(), "127.0.0.1")) as server:
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await fetched(trusting(authority), server.endpoint)


async def test_a_server_that_does_not_speak_tls_is_unreachable(authority: trustme.CA) -> None:
    async def script(caller: Caller) -> None:
        await caller.reader.read(1)
        await caller.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(script) as server:
        with pytest.raises(UpstreamUnreachable):
            await fetched(trusting(authority), dataclasses.replace(server.endpoint, scheme="https"))


async def test_an_https_server_is_never_asked_in_the_clear(pool: Pool) -> None:
    heard: list[bytes] = []
    async with serving(hears(heard)) as server:
        with pytest.raises(UpstreamUnreachable):
            await fetched(pool, dataclasses.replace(server.endpoint, scheme="https"))

    assert heard == []


# Several origins.


class Moved:
    """A clock that a test moves."""

    seconds = 1_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


async def answered_by_two(
    pool: Pool, first: Script, second: Script, request: UpstreamRequest | None = None
) -> bytes:
    """What is answered when ``first`` and ``second`` are the origins."""
    async with serving(first) as one, serving(second) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], Moved())
        return await content_from(origins, request)


OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"


async def test_the_first_origin_is_asked_first(pool: Pool) -> None:
    assert await answered_by_two(pool, answers(OK), answers(OTHER)) == b"ok"


@pytest.mark.parametrize(
    "request_",
    [asking(), asking("POST"), asking("PUT", body=content(b"hello"), body_length=5)],
    ids=["get", "post", "with-content"],
)
async def test_any_request_goes_to_the_next_origin_when_one_is_unreachable(
    pool: Pool, request_: UpstreamRequest
) -> None:
    async with serving(answers(OTHER)) as other:
        origins = Origins(pool, [nobody(), other.endpoint], Moved())

        assert await content_from(origins, request_) == b"other"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_an_idempotent_request_goes_to_the_next_origin_when_one_hangs_up(
    pool: Pool, method: str
) -> None:
    heard: list[bytes] = []

    await answered_by_two(pool, answers(NOTHING), hears(heard), asking(method))

    assert len(heard) == 1


async def test_a_request_goes_to_the_next_origin_when_one_is_slow(hurried: Pool) -> None:
    first = answers_and_stays(NOTHING)

    assert await answered_by_two(hurried, first, answers(OTHER)) == b"other"


@pytest.mark.parametrize(
    "request_",
    [asking("POST"), asking("PUT", body=content(b"hello"), body_length=5)],
    ids=["not-idempotent", "with-content"],
)
async def test_a_request_that_may_have_had_effects_goes_to_no_other_origin(
    pool: Pool, request_: UpstreamRequest
) -> None:
    heard: list[bytes] = []
    with pytest.raises(UpstreamBroke):
        await answered_by_two(pool, answers(NOTHING), hears(heard), request_)

    assert heard == []


async def test_a_response_that_breaks_after_its_head_is_not_asked_for_elsewhere(
    pool: Pool,
) -> None:
    heard: list[bytes] = []
    first = answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    with pytest.raises(UpstreamBroke):
        await answered_by_two(pool, first, hears(heard))

    assert heard == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_failing_origins_answer_is_passed_over(pool: Pool, status: int) -> None:
    first = answers(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)

    assert await answered_by_two(pool, first, answers(OTHER)) == b"other"


@pytest.mark.parametrize("status", [404, 501])
async def test_an_answer_that_is_about_the_request_is_not_passed_over(
    pool: Pool, status: int
) -> None:
    first = answers(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)

    assert await answered_by_two(pool, first, answers(OTHER)) == b"no"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_failing_origins_answer_to_a_request_for_a_change_is_passed_on(
    pool: Pool, method: str
) -> None:
    assert await answered_by_two(pool, answers(BUSY), answers(OTHER), asking(method)) == b"busy"


async def test_the_last_origins_answer_is_passed_on_as_it_is(pool: Pool) -> None:
    last = answers(b"HTTP/1.1 502 No\r\nContent-Length: 4\r\n\r\nlast")

    assert await answered_by_two(pool, answers(BUSY), last) == b"last"


async def test_each_origin_is_asked_once_at_most(pool: Pool) -> None:
    async with serving(answers(NOTHING)) as one, serving(answers(NOTHING)) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], Moved())
        with pytest.raises(UpstreamBroke):
            await content_from(origins)

        assert (one.connections, other.connections) == (1, 1)


@pytest.mark.parametrize("keep_host", [True, False])
async def test_host_names_the_origin_unless_it_is_kept(pool: Pool, keep_host: bool) -> None:
    heard: list[bytes] = []
    async with serving(hears(heard)) as server:
        origins = Origins(pool, [server.endpoint], Moved(), keep_host=keep_host)
        await content_from(origins)

    host = "origin.test" if keep_host else server.endpoint.authority
    assert heard == [f"GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()]


async def test_an_origins_path_stands_before_what_is_asked(pool: Pool) -> None:
    heard: list[bytes] = []
    async with serving(hears(heard)) as server:
        endpoint = dataclasses.replace(server.endpoint, prefix="/videos")
        await content_from(Origins(pool, [endpoint], Moved()))

    assert heard[0].startswith(b"GET /videos/a HTTP/1.1\r\n")


async def test_a_shield_is_asked_before_the_origins(pool: Pool) -> None:
    async with serving(answers(OK)) as origin, serving(answers(OTHER)) as shield:
        origins = Origins(pool, [origin.endpoint], Moved())

        assert await content_from(origins, shield=shield.endpoint) == b"other"


async def test_a_shield_is_told_the_host_that_was_asked_for(pool: Pool) -> None:
    heard: list[bytes] = []
    async with serving(hears(heard)) as shield:
        await content_from(Origins(pool, [nobody()], Moved()), shield=shield.endpoint)

    assert heard == [b"GET /a HTTP/1.1\r\nHost: origin.test\r\n\r\n"]


async def test_the_origin_is_asked_when_the_shield_is_gone(pool: Pool) -> None:
    async with serving(answers(OK)) as origin:
        origins = Origins(pool, [origin.endpoint], Moved())

        assert await content_from(origins, shield=nobody()) == b"ok"


async def test_an_origin_that_is_down_is_not_asked(pool: Pool) -> None:
    async with serving(answers(NOTHING)) as one, serving(answers(OTHER)) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], Moved())
        for _ in range(FAILURES + 2):
            await content_from(origins)

        assert one.connections == FAILURES


async def test_an_origin_that_was_down_is_tried_again_after_its_pause(pool: Pool) -> None:
    clock = Moved()
    scripts = [answers(NOTHING)] * FAILURES + [answers(OK)]
    async with serving(*scripts) as one, serving(answers(OTHER)) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], clock)
        for _ in range(FAILURES):
            await content_from(origins)
        clock.seconds += FIRST_PAUSE

        assert await content_from(origins) == b"ok"


async def test_an_origin_is_asked_though_all_are_down(pool: Pool) -> None:
    scripts = [answers(NOTHING)] * FAILURES + [answers(OK)]
    async with serving(*scripts) as server:
        origins = Origins(pool, [server.endpoint], Moved())
        for _ in range(FAILURES):
            with pytest.raises(UpstreamBroke):
                await content_from(origins)

        assert await content_from(origins) == b"ok"


async def test_an_origin_that_answers_now_and_then_is_not_down(pool: Pool) -> None:
    scripts = [answers(NOTHING), answers(NOTHING), answers(OK)]
    async with serving(*scripts, *scripts) as one, serving(answers(OTHER)) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], Moved())
        answered = [await content_from(origins) for _ in range(6)]

    assert answered == [b"other", b"other", b"ok"] * 2


async def test_a_trial_that_is_cancelled_leaves_the_origin_to_the_next(pool: Pool) -> None:
    clock = Moved()
    scripts = [answers(NOTHING)] * FAILURES + [answers_and_stays(NOTHING), answers(OK)]
    async with serving(*scripts) as one, serving(answers(OTHER)) as other:
        origins = Origins(pool, [one.endpoint, other.endpoint], clock)
        for _ in range(FAILURES):
            await content_from(origins)
        clock.seconds += FIRST_PAUSE
        trial = asyncio.create_task(content_from(origins))
        await asyncio.sleep(0.1)
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)

        assert await content_from(origins) == b"ok"
