"""The content of requests upstream."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from edge.fetch import connection as connection_module
from edge.fetch.errors import UpstreamBroke
from edge.fetch.pool import Pool
from edge.fetch.wire import UpstreamRequest
from tests.integration.upstream_service import (
    BUSY,
    CONTINUE,
    MIB,
    NOTHING,
    OK,
    Caller,
    Script,
    answers,
    answers_and_stays,
    asking,
    content,
    endless,
    fetched,
    response_of,
    serving,
)

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
