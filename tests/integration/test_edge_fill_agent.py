"""What the fill agent makes of changes, windows, rates and failures, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from common.messages import DesiredChange, DesiredPackage, PackageName
from edge.policy.fill_rate import AT_ONCE
from edge.policy.fill_window import FillPlan, FillWindow
from edge.policy.held_changes import HeldChanges
from tests.integration.edge_service import Origin, publish, scripted, serving, until
from tests.integration.filling_service import EDGE, Moved, filling
from tests.servers.processes import free_ports

PACKAGE = {
    "main.m3u8": b"#EXTM3U\n",
    "720p/init.mp4": b"init" * 100,
    **{f"720p/{number:05}.m4s": bytes([number]) * 50_000 for number in range(4)},
}
NIGHT = FillPlan(FillWindow.of("02:00-06:00", UTC))


def at(hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, 27, hour, minute, tzinfo=UTC).timestamp()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


def urgent(package: DesiredPackage) -> DesiredPackage:
    return DesiredPackage(
        package.asset_id,
        package.version,
        package.manifest_key,
        package.manifest_sha256,
        package.bytes,
        urgent=True,
    )


async def test_outside_its_window_an_edge_fills_what_is_urgent_alone(
    tmp_path: Path, origin: Origin
) -> None:
    clock = Moved(at(20))
    new = urgent(publish(origin, "2", PACKAGE))
    old = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url, clock=clock, plan=NIGHT) as edge:
        await edge.tell(old, new)
        await until(lambda: edge.whole() == {("a", "2")})
        assert not edge.agent.window_open
        assert all(path.startswith("/v/a/2/") for path in origin.asked)

        clock.wall = at(3)
        await edge.tell()
        await until(lambda: edge.whole() == {("a", "1"), ("a", "2")})


async def test_what_becomes_urgent_is_filled_though_the_window_is_closed(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url, clock=Moved(at(20)), plan=NIGHT) as edge:
        await edge.tell(package)
        await asyncio.sleep(0.2)
        assert origin.asked == []
        await edge.tell(urgent(package))
        await until(lambda: edge.whole() == {("a", "1")})


async def test_what_is_held_already_is_known_though_the_window_is_closed(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(package)
        await until(lambda: edge.whole() == {("a", "1")})
        await edge.tell(dropped=(PackageName("a", "1"),))
        assert edge.whole() == set()
    asked = len(origin.asked)
    async with filling(tmp_path, origin.url, clock=Moved(at(20)), plan=NIGHT) as edge:
        await edge.tell(package)
        await until(lambda: edge.whole() == {("a", "1")})

    assert len(origin.asked) == asked


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_filling_keeps_to_its_rate_counted_in_bytes(
    tmp_path: Path, origin: Origin, concurrency: int
) -> None:
    # A clock that runs fast: what takes a minute by it is a moment here.
    clock = Moved(at(3), faster=200.0)
    rate = 200_000.0
    plan = FillPlan(NIGHT.window, rate=int(rate * 8))
    size = 300_000
    large = {f"{number}.m4s": bytes([number]) * size for number in range(12)}
    package = publish(origin, "1", {"main.m3u8": b"#EXTM3U\n", **large})
    async with filling(
        tmp_path, origin.url, clock=clock, plan=plan, concurrency=concurrency
    ) as edge:
        began, looks = clock.monotonic(), list[tuple[float, int]]()

        def whole() -> bool:
            held = sum(each.bytes_held for each in edge.agent.holdings().packages)
            looks.append((clock.monotonic() - began, held))
            return edge.whole() == {("a", "1")}

        await edge.tell(package)
        await until(whole, within=30)

    # What came last of each transfer is not waited for before it counts as held.
    slack = concurrency * 256 * 1024
    assert all(held <= rate * (passed + AT_ONCE) + slack for passed, held in looks)
    assert looks[-1][0] >= (12 * size - slack) / rate - AT_ONCE


async def test_what_is_urgent_is_bound_by_no_rate(tmp_path: Path, origin: Origin) -> None:
    # At this rate the rest would take a year.
    plan = FillPlan(rate=8)
    package = urgent(publish(origin, "1", PACKAGE))
    async with filling(tmp_path, origin.url, plan=plan) as edge:
        await edge.tell(package)
        await until(lambda: edge.whole() == {("a", "1")})


async def test_what_is_urgent_waits_for_nothing_that_comes_slowly(
    tmp_path: Path, origin: Origin
) -> None:
    large = {f"{number}.m4s": bytes([number]) * 500_000 for number in range(8)}
    old, new = publish(origin, "1", large), urgent(publish(origin, "2", PACKAGE))
    async with filling(tmp_path, origin.url, plan=FillPlan(rate=80_000), concurrency=4) as edge:
        await edge.tell(old)
        await until(lambda: len([path for path in origin.asked if path.endswith(".m4s")]) == 4)
        await edge.tell(old, new)
        await until(lambda: edge.whole() == {("a", "2")})


async def test_outside_its_window_an_edge_fills_at_the_rate_for_that(
    tmp_path: Path, origin: Origin
) -> None:
    plan = FillPlan(NIGHT.window, rate=8, rate_outside=10**9)
    package = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url, clock=Moved(at(20)), plan=plan) as edge:
        await edge.tell(package)
        await until(lambda: edge.whole() == {("a", "1")})


async def test_what_comes_slowly_outside_the_window_goes_on_faster_once_it_is_open(
    tmp_path: Path, origin: Origin
) -> None:
    clock, plan = Moved(at(20)), FillPlan(NIGHT.window, rate_outside=80_000)
    package = publish(origin, "1", {f"{number}.m4s": bytes(500_000) for number in range(8)})
    async with filling(tmp_path, origin.url, clock=clock, plan=plan) as edge:
        await edge.tell(package)
        await until(lambda: len([path for path in origin.asked if path.endswith(".m4s")]) == 4)
        clock.wall = at(3)
        await until(lambda: edge.whole() == {("a", "1")})


async def test_a_change_of_a_state_that_is_not_known_is_not_taken_up(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(package)
        for change in (
            DesiredChange(EDGE, 7, 8, (), (PackageName("a", "1"),)),
            DesiredChange("us-1", 0, 9, ()),
        ):
            await edge.agent.apply_change(change)
            assert edge.agent.revision == 1
        await until(lambda: edge.whole() == {("a", "1")})


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_changes_follow_each_other_the_edge_comes_to_hold_what_they_ask_for(
    tmp_path: Path, origin: Origin, seed: int
) -> None:
    chance = Random(seed)
    small = {"main.m3u8": b"#EXTM3U\n", "x.m4s": b"x" * 1000}
    known = [publish(origin, str(number), small) for number in range(12)]
    wanted: dict[str, DesiredPackage] = {}
    for _ in range(3):
        async with filling(tmp_path, origin.url) as edge:
            for _ in range(12):
                told = chance.sample(known, chance.randrange(4))
                gone = tuple(PackageName("a", str(chance.randrange(14))) for _ in range(3))
                whole = chance.random() < 0.2
                named = {each.version for each in told}
                if whole:
                    wanted = {}
                for name in gone:
                    if name.version not in named:
                        wanted.pop(name.version, None)
                wanted |= {each.version: each for each in told}
                await edge.tell(*told, dropped=gone, whole=whole)
                await asyncio.sleep(chance.choice((0, 0.01)))
            expected = {("a", version) for version in wanted}
            await until(lambda: edge.whole() == expected)  # noqa: B023 - it is awaited here
            await until(lambda: edge.agent.pending == (0, 0))
        # As a restart has it: known from the rows, before anything was looked at.
        async with filling(tmp_path, origin.url, runs=False) as edge:
            assert edge.whole() == expected


async def test_holdings_are_told_by_their_changes(tmp_path: Path, origin: Origin) -> None:
    first, second = publish(origin, "1", PACKAGE), publish(origin, "2", PACKAGE)
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(first)
        await until(lambda: edge.whole() == {("a", "1")})
        before = edge.agent.holdings_revision
        await edge.tell(second, dropped=(PackageName("a", "1"),))
        await until(lambda: edge.whole() == {("a", "2")})

        change = edge.agent.holdings_since(before)
        assert change is not None
        assert [(each.version, each.complete) for each in change.packages] == [("2", True)]
        assert change.dropped == (PackageName("a", "1"),)
        assert edge.agent.holdings_since(HeldChanges("other").revision) is None


async def test_what_was_lost_is_found_missing_and_filled_again(
    tmp_path: Path, origin: Origin
) -> None:
    package = publish(origin, "1", PACKAGE)
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(package)
        await until(lambda: edge.whole() == {("a", "1")})
        for key in ("v/a/1/720p/00001.m4s", "v/a/1/manifest.json"):
            origin.asked.clear()
            await edge.cache.forget(key)
            edge.agent.look_again()
            await until(lambda: bool(origin.asked))
            await until(lambda: edge.whole() == {("a", "1")})
            assert origin.asked == [f"/{key}"]


async def test_a_package_that_fails_holds_up_no_other(tmp_path: Path, origin: Origin) -> None:
    missing = publish(origin, "9", PACKAGE)
    for path in [*origin.objects]:
        del origin.objects[path]
    others = [publish(origin, str(number), PACKAGE, asset="b") for number in range(5)]
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(urgent(missing), *others)
        await until(lambda: len(edge.whole()) == 5)
        assert edge.agent.trouble == (1, 0)
        assert edge.agent.pending == (1, 0)


async def test_many_packages_that_fail_do_not_hold_up_one_that_comes(
    tmp_path: Path, origin: Origin
) -> None:
    # Pauses after failures grow as if no time had passed.
    clock = Moved(faster=0.001)
    broken = [publish(origin, f"old-{number}", PACKAGE) for number in range(40)]
    new = urgent(publish(origin, "new", PACKAGE))
    for path in [path for path in origin.objects if "/old-" in path]:
        del origin.objects[path]
    async with filling(tmp_path, origin.url, clock=clock) as edge:
        await edge.tell(*broken, new)
        await until(lambda: edge.whole() == {("a", "new")})


async def test_several_packages_are_filled_at_once(tmp_path: Path, origin: Origin) -> None:
    packages = [publish(origin, "1", {"main.m3u8": b"x"}, asset=name) for name in "abcd"]
    waiting: set[str] = set()
    go = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        waiting.add(request.path)
        await go.wait()
        body = origin.objects[request.path]
        return web.Response(body=body, headers=origin.fields(body))

    origin.scripts = {f"/v/{name}/1/main.m3u8": slow for name in "abcd"}
    async with filling(tmp_path, origin.url) as edge:
        await edge.tell(*packages)
        await until(lambda: len(waiting) == 4)
        go.set()
        await until(lambda: len(edge.whole()) == 4)


async def test_while_an_origin_is_away_it_is_tried_now_and_then(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    away = Origin(port=port)
    packages = [publish(away, str(number), {"main.m3u8": b"x"}) for number in range(200)]
    async with filling(tmp_path, away.url) as edge:
        await edge.tell(*packages)
        failures = edge.upstream.standing.failures
        await until(lambda: failures["away"] >= 8)
        await asyncio.sleep(0.3)
        # Of two hundred packages, as many as make it rest, and what was under way then.
        assert failures["away"] <= 16
        async with serving(away.answer, port):
            await edge.tell()
            await until(lambda: len(edge.whole()) == 200, within=30)
