"""Several origins, and the other edges of a region as shields."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.service import ListenSettings
from edge.fetch.connection import Timeouts
from edge.policy.shields import shield_of
from edge.settings import OriginSettings, ShieldSettings
from tests.integration.proxy_service import (
    Asked,
    RawOrigin,
    Viewer,
    proxy,
    raw_origin,
    response,
)
from tests.servers.processes import free_ports

FRESH = ("Cache-Control", "max-age=3600")


@pytest.fixture
async def fallback() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(response(b"from the fallback", FRESH))
        yield scripted


@pytest.fixture
async def viewer(
    origin: RawOrigin, fallback: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Viewer]:
    monkeypatch.setattr("edge.app.TIMEOUTS", Timeouts(connect=1, first_byte=1, stall=1))
    others = (OriginSettings(url=fallback.url),)
    async with proxy(tmp_path, origin, fallback_origins=others) as client:
        yield client


async def hang_up(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def silence(_: Asked, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(4)


async def test_the_first_origin_is_asked_while_it_is_well(
    viewer: Viewer, fallback: RawOrigin
) -> None:
    assert (await viewer.get()).body == b"hello"
    assert fallback.asked == []


@pytest.mark.parametrize("failure", ["hangs up", "is silent", "500", "502", "503", "504"])
async def test_the_next_origin_is_asked_when_the_first(
    viewer: Viewer, origin: RawOrigin, failure: str
) -> None:
    if failure == "hangs up":
        origin.answers(hang_up)
    elif failure == "is silent":
        origin.answers(silence)
    else:
        origin.answers(response(b"", status=f"{failure} Failed"))

    assert (await viewer.get()).body == b"from the fallback"


async def test_the_next_origin_is_asked_when_the_first_is_not_there(
    fallback: RawOrigin, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    nobody = RawOrigin(script=hang_up, port=port)
    others = (OriginSettings(url=fallback.url),)
    async with proxy(tmp_path, nobody, fallback_origins=others) as viewer:
        assert (await viewer.get()).body == b"from the fallback"


async def test_an_origin_that_fails_again_and_again_is_left_alone(
    viewer: Viewer, origin: RawOrigin
) -> None:
    origin.answers(hang_up)
    for number in range(8):
        await viewer.get(f"/{number}")

    assert len(origin.asked) == 3


async def test_what_says_there_is_nothing_is_believed(
    viewer: Viewer, origin: RawOrigin, fallback: RawOrigin
) -> None:
    origin.answers(response(b"", status="404 Not Found"))

    assert (await viewer.get()).status == 404
    assert fallback.asked == []


async def test_a_post_is_never_sent_twice(
    viewer: Viewer, origin: RawOrigin, fallback: RawOrigin
) -> None:
    origin.answers(hang_up)
    got = await viewer.request("POST", "/", body=b"order")

    assert got.status == 502
    assert (len(origin.asked), len(fallback.asked)) == (1, 0)


@contextlib.asynccontextmanager
async def two_edges(folder: Path, origin: RawOrigin) -> AsyncIterator[tuple[Viewer, Viewer]]:
    """Two edges of one region, each the shield of some keys."""
    first, second = free_ports(2)
    urls = {"one": f"http://127.0.0.1:{first}", "two": f"http://127.0.0.1:{second}"}

    def shield(name: str) -> tuple[ShieldSettings, ...]:
        return (ShieldSettings(edge_id=name, url=urls[name]),)

    async with contextlib.AsyncExitStack() as stack:
        viewers = [
            await stack.enter_async_context(
                proxy(
                    folder / name,
                    origin,
                    edge_id=name,
                    url=urls[name],
                    listen=ListenSettings(port=port),
                    shields=shield(other),
                )
            )
            for name, other, port in (("one", "two", first), ("two", "one", second))
        ]
        yield viewers[0], viewers[1]


async def test_one_edge_of_a_region_asks_the_origin_for_all(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with two_edges(tmp_path, origin) as viewers:
        for number in range(10):
            for viewer in viewers:
                assert (await viewer.get(f"/{number}")).body == b"hello"

    assert sorted(asked.target for asked in origin.asked) == [f"/{number}" for number in range(10)]


async def test_a_shield_tells_what_it_did_before_the_edge_does(
    origin: RawOrigin, tmp_path: Path
) -> None:
    mine = next(
        number
        for number in range(50)
        if shield_of(f"http://cdn.test/{number}", ("one", "two")) == "two"
    )
    async with two_edges(tmp_path, origin) as (first, _):
        got = await first.get(f"/{mine}")

    said = got.get("cache-status") or ""
    assert said == "nearcast-two; fwd=uri-miss; stored, nearcast-one; fwd=uri-miss; stored"


async def test_a_shield_that_is_away_is_passed_by(origin: RawOrigin, tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    away = (ShieldSettings(edge_id="away", url=f"http://127.0.0.1:{nobody}"),)
    async with proxy(tmp_path, origin, shields=away) as viewer:
        for number in range(10):
            assert (await viewer.get(f"/{number}")).body == b"hello"

    assert len(origin.asked) == 10
