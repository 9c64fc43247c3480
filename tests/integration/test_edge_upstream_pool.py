"""Connections upstream: kept, used again, and where they go."""

import asyncio
import dataclasses
import ssl
from pathlib import Path

import pytest
import trustme

from edge.fetch import pool as pool_module
from edge.fetch.errors import UpstreamBroke, UpstreamSlow, UpstreamUnreachable
from edge.fetch.pool import Pool
from edge.fetch.wire import Endpoint, UpstreamRequest
from tests.integration.upstream_service import (
    CHUNKED,
    EARLY_HINTS,
    HURRIED,
    NOTHING,
    OK,
    Caller,
    Script,
    answers,
    answers_and_stays,
    asking,
    content,
    fetched,
    hears,
    nobody,
    serving,
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
