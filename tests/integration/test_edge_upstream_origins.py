"""Several origins: which is asked, and when the next."""

import asyncio
import dataclasses

import pytest

from edge.fetch.errors import UpstreamBroke
from edge.fetch.origins import EdgeRoute, EdgeSource, Origins, Wanted
from edge.fetch.pool import Pool
from edge.fetch.wire import Endpoint, UpstreamRequest
from edge.policy.origin_health import FAILURES, FIRST_PAUSE
from tests.integration.upstream_service import (
    BUSY,
    NOTHING,
    OK,
    Script,
    answers,
    answers_and_stays,
    asking,
    content,
    content_from,
    hears,
    nobody,
    serving,
)

# Several origins.


class Moved:
    """A clock that a test moves."""

    seconds = 1_000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def shielded(endpoint: Endpoint) -> Wanted:
    """What is asked for at the edge ``endpoint`` first."""
    shield = EdgeSource(endpoint, "eu-2", "shield", keeps_host=True)
    return Wanted(route=EdgeRoute((shield,)))


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

        assert await content_from(origins, wanted=shielded(shield.endpoint)) == b"other"


async def test_a_shield_is_told_the_host_that_was_asked_for(pool: Pool) -> None:
    heard: list[bytes] = []
    async with serving(hears(heard)) as shield:
        origins = Origins(pool, [nobody()], Moved())
        await content_from(origins, wanted=shielded(shield.endpoint))

    assert heard == [b"GET /a HTTP/1.1\r\nHost: origin.test\r\n\r\n"]


async def test_the_origin_is_asked_when_the_shield_is_gone(pool: Pool) -> None:
    async with serving(answers(OK)) as origin:
        origins = Origins(pool, [origin.endpoint], Moved())

        assert await content_from(origins, wanted=shielded(nobody())) == b"ok"


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
