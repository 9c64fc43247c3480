"""How an edge gets its orders, carries them out and says so, whatever becomes of the requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from common.errors import SettingsInvalid
from common.messages import Neighbour, Neighbours, OrderedRemoval, Orders, PurgeScope, encode
from edge.app import main
from edge.control_planes import LONGEST_ANSWER
from edge.fill import FillAgent
from tests.integration.edge_service import (
    Control,
    Origin,
    Script,
    edge,
    edge_settings,
    placed,
    publish,
    scripted,
    serving,
    until,
)
from tests.servers.processes import free_ports

PACKAGE = {"main.m3u8": b"#EXTM3U\n", "0.m4s": b"zero" * 100, "1.m4s": b"one" * 100}


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


def knows(control: Control, **numbers: int) -> bool:
    """Whether the edge that waits for orders has carried out all up to ``numbers``."""
    return bool(control.asked) and numbers.items() <= control.asked[-1].items()


def holds_a_package(control: Control) -> bool:
    """Whether the edge has told that it holds the whole of one."""
    packages = control.holdings.packages if control.holdings is not None else ()
    return any(package.complete for package in packages)


async def test_each_order_is_carried_out_and_the_next_request_says_so(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        await until(lambda: knows(control, desired=1, removals=0, purges=0, neighbours=0))
        control.want(publish(origin, "1", PACKAGE), publish(origin, "2", PACKAGE))
        await until(lambda: knows(control, desired=2))
        await until(lambda: origin.count("/v/a/1/1.m4s") == 1)
        control.neighbours = Neighbours(7, (Neighbour("eu-2", "http://127.0.0.1:1"),))
        await until(lambda: knows(control, neighbours=7))
        control.remove(OrderedRemoval("r1", ("v/a/2",)))
        await until(lambda: knows(control, removals=1))
        async with viewer.get("/v/a/2/0.m4s") as response:
            assert response.status == 410
        control.purge("v/a/1/0.m4s")
        await until(lambda: knows(control, purges=1))
        async with viewer.get("/v/a/1/0.m4s") as response:
            assert await response.read() == PACKAGE["0.m4s"]

    assert origin.count("/v/a/1/0.m4s") == 2


async def test_an_answer_with_everything_is_carried_out_whole(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    control.remove(OrderedRemoval("r1", ("v/b/1",)))
    control.purge("v/a/", PurgeScope.PREFIX)
    control.neighbours = Neighbours(3, ())
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: knows(control, desired=2, removals=1, purges=1, neighbours=3))


async def test_purges_go_on_while_a_desired_state_is_adopted(
    tmp_path: Path, origin: Origin, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopting = asyncio.Event()
    go_on = asyncio.Event()
    properly = FillAgent.apply_change

    async def slowly(self: FillAgent, change: Any) -> None:
        adopting.set()
        await go_on.wait()
        await properly(self, change)

    monkeypatch.setattr(FillAgent, "apply_change", slowly)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await adopting.wait()
        for number in range(1, 4):
            control.purge("v/a/1/0.m4s")
            await until(lambda upto=number: knows(control, purges=upto))  # type: ignore[misc]  # bound now
        assert control.heartbeats[-1].desired_revision == 0
        go_on.set()
        await until(lambda: control.heartbeats[-1].desired_revision == 1)


async def test_changes_that_come_while_one_is_adopted_are_adopted_together(
    tmp_path: Path, origin: Origin, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopted: list[int] = []
    go_on = asyncio.Event()
    properly = FillAgent.apply_change

    async def slowly(self: FillAgent, change: Any) -> None:
        await go_on.wait()
        await properly(self, change)
        adopted.append(change.revision)

    monkeypatch.setattr(FillAgent, "apply_change", slowly)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: knows(control, desired=1))
        for revision in (2, 3, 4):
            control.want(publish(origin, str(revision), PACKAGE))
            await until(lambda upto=revision: knows(control, desired=upto))  # type: ignore[misc]  # bound now
        go_on.set()
        await until(lambda: adopted == [1, 4])


async def test_a_request_that_was_lost_on_the_way_is_noticed(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    hanging = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        hanging.set()
        await asyncio.sleep(60)
        return web.Response(status=500)

    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: knows(control, desired=1))
        control.scripts["orders"] = never
        control.purge("v/a/1/0.m4s")
        await asyncio.wait_for(hanging.wait(), 30)
        control.scripts.clear()
        control.purge("v/a/1/1.m4s")
        await until(lambda: knows(control, purges=2))


async def test_a_control_plane_that_starts_anew_tells_what_came_meanwhile(
    tmp_path: Path, origin: Origin
) -> None:
    (port,) = free_ports(1)
    before, after = Control(port=port), Control(port=port)
    async with serving(before.answer, port):
        settings = edge_settings(tmp_path, origin.url, **placed(before))
        running = contextlib.AsyncExitStack()
        await running.enter_async_context(edge(settings))
        await until(lambda: knows(before, desired=1))
    async with running:
        after.purge("v/a/1/0.m4s")
        async with serving(after.answer, port):
            await until(lambda: knows(after, purges=1))


async def garbage(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"purges": 7}')


async def no_json(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\xfe<html>")


async def half(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"purges":')
    assert request.transport is not None
    request.transport.abort()
    return response


async def too_much(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(LONGEST_ANSWER // 2**20 + 16):
            await response.write(b" " * 2**20)
    return response


async def unknown(_: web.Request) -> web.StreamResponse:
    return web.json_response({"detail": "Not here."}, status=404)


async def expired(_: web.Request) -> web.StreamResponse:
    return web.json_response({"detail": "The credential expired."}, status=401)


async def elsewhere(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:1/")


async def nothing_new(_: web.Request) -> web.StreamResponse:
    return web.Response(body=encode(Orders()))


@pytest.mark.parametrize(
    "answer", [garbage, no_json, half, too_much, unknown, expired, elsewhere, nothing_new]
)
async def test_answers_that_are_none_are_asked_for_again_with_pauses(
    tmp_path: Path, origin: Origin, control: Control, answer: Script
) -> None:
    answered = 0

    async def counted(request: web.Request) -> web.StreamResponse:
        nonlocal answered
        answered += 1
        return await answer(request)

    control.want(publish(origin, "1", PACKAGE))
    control.scripts["orders"] = counted
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: answered >= 3)
        beats = len(control.heartbeats)
        await until(lambda: len(control.heartbeats) >= beats + 10)
        # In the second that this takes at least, one that does not pause asks a thousand times.
        assert answered < 20
        control.scripts.clear()
        await until(lambda: knows(control, desired=2))


async def test_an_order_that_cannot_be_followed_is_no_reason_to_hurry(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    answered = 0

    async def of_another(request: web.Request) -> web.StreamResponse:
        nonlocal answered
        answered += 1
        known = {name: int(told) for name, told in request.query.items() if name != "run"}
        news = control.news({**known, "desired": 0}).desired
        assert news is not None
        return web.Response(body=encode({"desired": {**_plain(news), "since": 17}}))

    control.scripts["orders"] = of_another
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))):
        await until(lambda: len(control.heartbeats) >= 15)
        assert 0 < answered < 20


def _plain(message: Any) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


async def test_orders_that_come_twice_are_carried_out_once(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    control.purge("v/a/", PurgeScope.PREFIX)
    async with edge(edge_settings(tmp_path, origin.url, **placed(control))) as viewer:
        await until(lambda: knows(control, purges=1, desired=2))
        await until(lambda: origin.count("/v/a/1/1.m4s") == 1)
        first = encode(control.news({"desired": 0, "removals": 0, "purges": 0, "neighbours": 0}))
        again = asyncio.Event()

        async def replays(_: web.Request) -> web.StreamResponse:
            if again.is_set():
                control.scripts.clear()
            again.set()
            return web.Response(body=first)

        control.scripts["orders"] = replays
        control.purge("v/b/", PurgeScope.PREFIX)
        await until(lambda: not control.scripts)
        await until(lambda: knows(control, purges=2))
        async with viewer.get("/v/a/1/1.m4s") as response:
            assert "hit" in response.headers["Cache-Status"]

    assert origin.count("/v/a/1/1.m4s") == 1


async def test_an_edge_that_was_away_catches_up_before_it_serves(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    publish(origin, "1", PACKAGE)
    async with edge(settings) as viewer, viewer.get("/v/a/1/0.m4s") as response:
        assert response.status == 200
    control.purge("v/a/1/0.m4s")
    control.asked.clear()
    async with edge(settings) as viewer, viewer.get("/v/a/1/0.m4s") as response:
        assert "hit" not in response.headers["Cache-Status"]

    assert origin.count("/v/a/1/0.m4s") == 2
    assert control.asked[0]["wait"] == 0


async def test_an_edge_whose_control_plane_is_away_serves_what_it_has(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    settings = edge_settings(tmp_path, origin.url, **placed(control))
    publish(origin, "1", PACKAGE)
    async with edge(settings) as viewer, viewer.get("/v/a/1/0.m4s") as response:
        assert response.status == 200

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response(status=500)

    control.scripts["orders"] = never
    async with edge(settings) as viewer, viewer.get("/v/a/1/0.m4s") as response:
        assert "hit" in response.headers["Cache-Status"]


@contextlib.asynccontextmanager
async def two_planes() -> AsyncIterator[tuple[Control, Control, contextlib.AsyncExitStack]]:
    """Two control planes, and what ends the first."""
    first, second = (Control(port=port) for port in free_ports(2))
    ends_first = contextlib.AsyncExitStack()
    async with serving(second.answer, second.port), ends_first:
        await ends_first.enter_async_context(serving(first.answer, first.port))
        yield first, second, ends_first


async def test_an_edge_goes_on_to_another_control_plane_and_stays_there(
    tmp_path: Path, origin: Origin
) -> None:
    async with two_planes() as (first, second, ends_first):
        settings = edge_settings(tmp_path, origin.url, **placed(first, second))
        async with edge(settings):
            await until(lambda: knows(first, desired=1) and bool(first.heartbeats))
            assert not second.heartbeats
            assert not second.asked
            await ends_first.aclose()
            second.purge("v/a/1/0.m4s")
            await until(lambda: knows(second, purges=1))
            await until(lambda: len(second.heartbeats) > 3)
            first.heartbeats.clear()
            async with serving(first.answer, first.port):
                beats = len(second.heartbeats)
                await until(lambda: len(second.heartbeats) > beats + 5)
            assert first.heartbeats == []


async def test_a_control_plane_that_hangs_is_left_before_the_edge_is_missed(
    tmp_path: Path, origin: Origin
) -> None:
    beats = 0

    async def never(request: web.Request) -> web.StreamResponse:
        nonlocal beats
        beats += request.path.endswith("heartbeat")
        await asyncio.sleep(60)
        return web.Response(status=500)

    async with two_planes() as (first, second, _):
        settings = edge_settings(tmp_path, origin.url, **placed(first, second))
        async with edge(settings):
            await until(lambda: knows(first, desired=1) and bool(first.heartbeats))
            first.scripts.update(dict.fromkeys(("heartbeat", "orders", "holdings"), never))
            second.want(publish(origin, "1", PACKAGE))
            await until(lambda: bool(second.heartbeats))
            # One that gets no answer is told to the other, and they are never told at once.
            assert beats == 1
            second.purge("v/b/1/0.m4s")
            await until(lambda: knows(second, purges=1, desired=2))
            await until(lambda: holds_a_package(second))


async def test_what_is_told_while_the_control_plane_ends_is_told_to_the_other(
    tmp_path: Path, origin: Origin
) -> None:
    async with two_planes() as (first, second, ends_first):
        waiting = asyncio.Event()

        async def never(_: web.Request) -> web.StreamResponse:
            waiting.set()
            await asyncio.sleep(60)
            return web.Response(status=500)

        first.scripts["holdings"] = never
        first.want(publish(origin, "1", PACKAGE))
        second.packages, second.revision = first.packages, first.revision
        settings = edge_settings(tmp_path, origin.url, **placed(first, second))
        async with edge(settings):
            await asyncio.wait_for(waiting.wait(), 30)
            await ends_first.aclose()
            await until(lambda: holds_a_package(second))


async def test_an_edge_that_starts_finds_the_control_plane_that_is_there(
    tmp_path: Path, origin: Origin
) -> None:
    async with two_planes() as (first, second, ends_first):
        await ends_first.aclose()
        second.remove(OrderedRemoval("r1", ("v/a/1",)))
        publish(origin, "1", PACKAGE)
        settings = edge_settings(tmp_path, origin.url, **placed(first, second))
        async with edge(settings) as viewer, viewer.get("/v/a/1/0.m4s") as response:
            assert response.status == 410


async def test_further_control_planes_need_a_first_one(tmp_path: Path) -> None:
    further = ("http://127.0.0.1:1",)
    settings = edge_settings(
        tmp_path, "http://127.0.0.1:1", control=None, control_fallbacks=further
    )
    with pytest.raises(SettingsInvalid, match="control_fallbacks"):
        await main(settings, asyncio.Event())
