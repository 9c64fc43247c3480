"""The first viewer of a missing object, on a kept connection to an edge that keeps one upstream."""

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from common.settings import ByteSize
from edge import app as app_module
from edge.fetch.begun import Begun
from edge.fetch.connection import Timeouts
from edge.limit_settings import LimitSettings
from edge.settings import AccessLogSettings, OriginSettings
from tests.integration.edge_service import until
from tests.integration.proxy_service import (
    Asked,
    Got,
    RawOrigin,
    Script,
    Viewer,
    parse,
    proxy,
    raw_origin,
    response,
)
from tests.integration.purging_service import running
from tests.integration.test_edge_workers import EdgeProcess, eventually

FRESH = ("Cache-Control", "max-age=3600")
BODY = b"small" * 400


class Kept:
    """A viewer's connection that stays for several requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> "Kept":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, target: str, *fields: tuple[str, str]) -> None:
        lines = [f"GET {target} HTTP/1.1", "Host: cdn.test", *(f"{a}: {b}" for a, b in fields)]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def got(self) -> Got:
        """The next response; not whole if the connection ends before it does."""
        async with asyncio.timeout(30):
            try:
                data = await self.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return Got(0, "", [], b"", whole=False)
            length = int(parse(data).get("content-length") or 0)
            with contextlib.suppress(ConnectionError):
                while length and (more := await self.reader.read(length)):
                    data += more
                    length -= len(more)
        return parse(data)

    async def get(self, target: str, *fields: tuple[str, str]) -> Got:
        self.send(target, *fields)
        return await self.got()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each look at what has come for a request that was begun: whether it was taken whole."""
    looks: list[bool] = []
    take = Begun.take

    def noting(self: Begun) -> Any:
        found = take(self)
        looks.append(found is not None)
        return found

    monkeypatch.setattr(Begun, "take", noting)
    return looks


@contextlib.asynccontextmanager
async def leading(port: int, origin: RawOrigin) -> AsyncIterator[Kept]:
    """A viewer of an edge that has a connection to ``origin`` to spare."""
    script = origin.script
    origin.answers(response(b"warm", FRESH))
    viewer = Viewer(port)
    while not (await viewer.get("/warm")).cache.startswith("hit"):
        pass
    origin.script = script
    origin.asked.clear()
    kept = await Kept.open(port)
    try:
        yield kept
    finally:
        kept.writer.close()


@pytest.fixture
async def kept(viewer: Viewer, origin: RawOrigin) -> AsyncIterator[Kept]:
    async with leading(viewer.port, origin) as connection:
        yield connection


class Gate:
    """An origin's script that waits until it may go on, and what it says then."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = parts
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        first, *rest = self.parts
        writer.write(first)
        await self.go.wait()
        for part in rest:
            writer.write(part)


async def test_what_comes_whole_is_answered_at_once_and_stored(
    kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    origin.answers(response(BODY, FRESH))
    first = await kept.get("/x", ("User-Agent", "player/1"), ("Cookie", "a=b"))

    assert (first.status, first.body, first.cache) == (200, BODY, "fwd=uri-miss; stored")
    assert first.get("age") is None
    assert (origin.asked[0].get("user-agent"), origin.asked[0].get("cookie")) == ("player/1", "a=b")
    assert (await kept.get("/x")).cache.startswith("hit")
    assert (taken, len(origin.asked)) == ([True], 1)


async def test_what_a_player_says_in_fields_of_its_own_goes_upstream(
    kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    origin.answers(response(BODY, FRESH))
    for number in range(3):
        await kept.get(f"/{number}", ("CMCD-Request", f"bl={number}"))

    assert [asked.get("cmcd-request") for asked in origin.asked] == ["bl=0", "bl=1", "bl=2"]
    assert taken == [True] * 3


async def test_many_misses_on_one_connection_take_one_connection_upstream(
    kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    writers = set()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        writer.write(response(asked.target.encode() * 100, FRESH))

    origin.answers(answer)
    for number in range(50):
        assert (await kept.get(f"/{number}")).body == f"/{number}".encode() * 100

    assert len(writers) == 1
    assert taken == [True] * 50


async def test_all_who_ask_meanwhile_share_it(
    viewer: Viewer, kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    gate = Gate(b"", response(BODY, FRESH))
    origin.answers(gate)
    kept.send("/x")
    await gate.asked.wait()
    others = [await Kept.open(viewer.port) for _ in range(20)]
    for other in others:
        other.send("/x")
    handled = asyncio.create_task(viewer.get("/x"))
    await asyncio.sleep(0.1)
    gate.go.set()
    got = await asyncio.gather(*(other.got() for other in (kept, *others)), handled)
    for other in others:
        other.writer.close()

    assert {one.body for one in got} == {BODY}
    assert [one.cache for one in got] == [
        "fwd=uri-miss; stored",
        *["fwd=uri-miss; collapsed"] * 21,
    ]
    assert (taken, len(origin.asked)) == ([True], 1)


async def test_what_was_sent_is_stored_though_its_viewer_has_left(
    viewer: Viewer, kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    gate = Gate(b"", response(BODY, FRESH))
    origin.answers(gate)
    kept.send("/x")
    await gate.asked.wait()
    kept.writer.transport.abort()
    await asyncio.sleep(0.1)
    gate.go.set()
    await until(lambda: taken == [True])

    assert (await viewer.get("/x")).cache.startswith("hit")
    assert len(origin.asked) == 1


@pytest.mark.parametrize("wait", [0.1, 1.0])
async def test_others_get_what_comes_in_parts_though_the_first_has_left(
    viewer: Viewer, kept: Kept, origin: RawOrigin, wait: float
) -> None:
    whole = response(BODY, FRESH)
    gate = Gate(b"", whole[:300], whole[300:])
    origin.answers(gate)
    kept.send("/x")
    await gate.asked.wait()
    other = asyncio.create_task(viewer.get("/x"))
    await asyncio.sleep(0.05)
    kept.writer.transport.abort()
    await asyncio.sleep(wait)
    gate.go.set()

    assert (await other).body == BODY
    assert len(origin.asked) == 1


@pytest.mark.parametrize("cut", [20, 300])
async def test_what_comes_in_parts_or_late_comes_all_the_same(
    kept: Kept, origin: RawOrigin, taken: list[bool], cut: int
) -> None:
    whole = response(BODY, FRESH)
    gate = Gate(whole[:cut], whole[cut:])
    late = Gate(b"", whole)
    origin.answers(gate, late)
    kept.send("/parts")
    await asyncio.sleep(0.1)
    gate.go.set()
    parts = await kept.got()
    other = await Kept.open(kept.writer.get_extra_info("peername")[1])
    other.send("/late")
    await asyncio.sleep(1.2)
    late.go.set()
    waited = await other.got()
    other.writer.close()

    for got in (parts, waited):
        assert (got.body, got.cache) == (BODY, "fwd=uri-miss; stored")
    assert (taken, len(origin.asked)) == ([False, False], 2)


async def test_the_first_bytes_do_not_wait_for_the_last(kept: Kept, origin: RawOrigin) -> None:
    whole = response(BODY, FRESH)
    gate = Gate(whole[:-1000], whole[-1000:])
    origin.answers(gate)
    kept.send("/x")
    async with asyncio.timeout(30):
        await kept.reader.readuntil(b"\r\n\r\n")
        assert await kept.reader.readexactly(1000) == BODY[:1000]
        gate.go.set()
        assert await kept.reader.readexactly(1000) == BODY[1000:]


async def test_what_breaks_off_is_cut_and_not_stored(kept: Kept, origin: RawOrigin) -> None:
    async def dying(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(BODY, FRESH)[:-10])
        await writer.drain()
        writer.close()

    origin.answers(dying, response(BODY, FRESH))
    got = await kept.get("/x")
    again = await Kept.open(kept.writer.get_extra_info("peername")[1])
    second = await again.get("/x")
    again.writer.close()

    assert not got.whole
    assert (second.body, second.cache) == (BODY, "fwd=uri-miss; stored")


async def test_what_a_kept_connection_does_not_answer_is_asked_for_once_more(
    kept: Kept, origin: RawOrigin
) -> None:
    async def hanging_up(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.close()

    origin.answers(hanging_up, response(BODY, FRESH))
    got = await kept.get("/x")

    assert (got.body, got.cache) == (BODY, "fwd=uri-miss; stored")
    assert len(origin.asked) == 2


async def test_more_than_was_told_is_not_passed_on(
    kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    origin.answers(response(BODY, FRESH) + response(b"smuggled", FRESH), response(b"other", FRESH))

    assert (await kept.get("/x")).body == BODY
    assert (await kept.get("/y")).body == b"other"
    assert taken[0] is False


async def test_an_origin_that_says_nothing_is_not_waited_for_longer_than_allowed(
    origin: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "TIMEOUTS", Timeouts(first_byte=1.0))
    gate = Gate(b"", b"")
    async with proxy(tmp_path, origin) as viewer, leading(viewer.port, origin) as kept:
        origin.answers(gate)
        start = asyncio.get_running_loop().time()
        got = await kept.get("/x")
        seconds = asyncio.get_running_loop().time() - start
        gate.go.set()

    assert (got.status, got.cache) == (504, "detail=UpstreamSlow")
    assert 0.9 < seconds < 1.4, "the time begins when the request is sent"


@pytest.mark.parametrize("soft", [False, True])
async def test_what_was_on_its_way_during_a_purge_is_not_stored(
    origin: RawOrigin, tmp_path: Path, taken: list[bool], soft: bool
) -> None:
    async with (
        running(tmp_path, origin) as purged,
        leading(purged.viewer.port, origin) as kept,
        leading(purged.viewer.port, origin) as later,
    ):
        gate = Gate(b"", response(b"before", FRESH))
        origin.answers(gate, response(b"after", FRESH))
        kept.send("/x")
        await gate.asked.wait()
        await purged.purge(url="http://cdn.test/x", soft=soft)
        assert (await later.get("/x")).body == b"after"
        gate.go.set()
        assert (await kept.got()).body == b"before"
        assert (await later.get("/x")).body == b"after"
    assert True in taken


async def test_what_an_unsafe_request_changes_meanwhile_is_not_kept(
    viewer: Viewer, kept: Kept, origin: RawOrigin
) -> None:
    gate = Gate(b"", response(b"before", FRESH))
    origin.answers(gate, response(b"done"), response(b"after", FRESH))
    kept.send("/x")
    await gate.asked.wait()
    await viewer.request("POST", "/x", body=b"change")
    gate.go.set()

    assert (await kept.got()).body == b"before"
    assert (await viewer.get("/x")).body == b"after"


def digested(body: bytes, told: bytes) -> bytes:
    digest = base64.b64encode(hashlib.sha256(told).digest()).decode()
    return response(body, FRESH, ("Repr-Digest", f"sha-256=:{digest}:"))


async def test_what_has_another_digest_than_was_told_reaches_nobody(
    kept: Kept, origin: RawOrigin, taken: list[bool]
) -> None:
    origin.answers(digested(BODY, BODY), digested(BODY, b"something else"))

    assert (await kept.get("/right")).body == BODY
    assert (await kept.get("/right")).cache.startswith("hit")
    assert (await kept.get("/wrong")).status == 502
    assert taken == [True, False]


async def test_a_request_that_is_passed_on_counts_once_against_a_rate(
    origin: RawOrigin, tmp_path: Path, taken: list[bool]
) -> None:
    limits = LimitSettings(requests_per_second=0.01, request_burst=12)
    async with (
        proxy(tmp_path, origin, limits=limits) as viewer,
        leading(viewer.port, origin) as kept,
    ):
        origin.answers(response(BODY, ("Cache-Control", "no-store")))
        statuses = [(await kept.get(f"/{number}")).status for number in range(14)]
    allowed = statuses.count(200)
    assert statuses == [200] * allowed + [429] * (len(statuses) - allowed)
    # The others were asked for to begin with.
    assert allowed >= 8
    assert taken == [False] * allowed


async def test_the_next_origin_is_asked_when_the_first_is_not_well(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async with raw_origin() as second:
        second.answers(response(b"second", FRESH))
        others = (OriginSettings(url=second.url),)
        async with (
            proxy(tmp_path, origin, fallback_origins=others) as viewer,
            leading(viewer.port, origin) as kept,
        ):
            origin.answers(response(b"", status="503 Busy"))
            got = await kept.get("/x")

        assert (got.status, got.body) == (200, b"second")
        assert (len(origin.asked), len(second.asked)) == (1, 1)


async def test_the_budget_holds(origin: RawOrigin, tmp_path: Path, taken: list[bool]) -> None:
    async with (
        running(tmp_path, origin, disk=ByteSize(1_000_000)) as purged,
        leading(purged.viewer.port, origin) as kept,
    ):
        origin.answers(response(bytes(40_000), FRESH))
        for number in range(60):
            assert len((await kept.get(f"/{number}")).body) == 40_000

        def on_disk() -> int:
            files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
            return sum(path.stat().st_size for path in files)

        async def stored() -> bool:
            return await purged.metric("nearcast_edge_objects") >= 23 and on_disk() > 800_000

        await eventually(stored)
        assert on_disk() < 1_010_000
    assert taken.count(True) > 40


async def test_it_is_counted_and_logged_as_a_miss(
    origin: RawOrigin, tmp_path: Path, taken: list[bool]
) -> None:
    log = tmp_path / "access.log"
    async with (
        running(tmp_path / "cache", origin, access_log=AccessLogSettings(file=log)) as purged,
        leading(purged.viewer.port, origin) as kept,
    ):
        origin.answers(response(BODY, FRESH))
        await kept.get("/x?token=secret", ("Referer", "http://a.test/"))
        metrics = (await purged.admin.get("/metrics")).body.decode()
    last = json.loads(log.read_text().splitlines()[-1])

    told = ("method", "target", "status", "sent", "cache_result", "cache_status", "referrer")
    assert [last[name] for name in told] == [
        *("GET", "/x?token=-", 200, len(BODY), "miss"),
        *("nearcast-e; fwd=uri-miss; stored", "http://a.test/"),
    ]
    assert 'nearcast_edge_requests_total{result="miss",status="200"}' in metrics
    assert taken == [True]


async def test_an_edge_stops_while_an_origin_is_silent(origin: RawOrigin, tmp_path: Path) -> None:
    gate = Gate(b"", b"")
    async with (
        asyncio.timeout(30),
        proxy(tmp_path, origin, drain_seconds=0.2) as viewer,
        leading(viewer.port, origin) as kept,
    ):
        origin.answers(gate)
        kept.send("/x")
        await gate.asked.wait()
    gate.go.set()


async def test_a_viewer_who_has_said_all_gets_its_answer_and_an_end(
    kept: Kept, origin: RawOrigin
) -> None:
    gate = Gate(b"", response(BODY, ("Cache-Control", "no-store")))
    origin.answers(gate)
    kept.send("/x")
    await gate.asked.wait()
    kept.writer.write_eof()
    await asyncio.sleep(0.05)
    gate.go.set()
    async with asyncio.timeout(30):
        data = await kept.reader.read()

    assert parse(data).body == BODY


async def test_each_of_several_workers_asks_for_what_is_its_own(
    origin: RawOrigin, tmp_path: Path
) -> None:
    async def named(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response(asked.target.encode() * 50, FRESH))

    answer: Script = named
    origin.answers(answer)
    async with EdgeProcess(tmp_path, origin.url, workers=2).running() as edge:
        viewers = [await Kept.open(edge.viewer.port) for _ in range(8)]
        for number in range(200):
            target = f"/{number % 100}"
            got = await viewers[number % 8].get(target)
            assert got.body == target.encode() * 50
        for viewer in viewers:
            viewer.writer.close()
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{edge.admin}/metrics"
            text = await (await session.get(url)).text()

    assert sorted(asked.target for asked in origin.asked) == sorted(f"/{n}" for n in range(100))
    assert 'result="miss"' in text
