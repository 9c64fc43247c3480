"""What sending viewers costs a control plane: a decision alone, and over HTTP.

    python -m tests.bench.routes [--edges N] [--assets N] [--seconds N] [--rounds N] [--out FILE]

Four regions of 100 edges, 10,000 assets of which each region holds two copies, the real GeoIP
database of cities that the tests have, coverage zones of 4,000 networks, a policy for all assets,
and tokens in the paths that viewers are sent to. Viewers are a mix of addresses, User-Agents, hints
and CMCD; a tenth of the assets has three quarters of them. The decision is timed alone, in this
process, by the CPU time of its thread. Then `nearcast control` runs as a process on one core, wrk
asks it for `/play/{asset}` from the other, and what counts is the CPU time that the process used
for each answer, beside that of watching over the edges, which send no heartbeats here. A server
that only redirects is measured in turn: the machine has other users, and slows both down.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import uvloop
from aiohttp import web

from common import logs
from common.clock import SystemClock
from common.messages import HeldPackage, Holdings, Profile, encode, encode_text
from common.messages.policies import Policy
from common.messages.zones import CoverageZone, CoverageZones
from common.service import DatabaseSettings, Listener, ListenSettings, listening
from common.service.token_keys import TokenKeySettings
from control_plane.api.asking import ASSET
from control_plane.api.play import FIELDS as PLAY_FIELDS
from control_plane.catalog.records import Package
from control_plane.catalog.sqlite import SqliteCatalog
from control_plane.coverage import Coverage
from control_plane.devices import Devices
from control_plane.documents import open_documents
from control_plane.findings import Findings
from control_plane.fleet import Fleet, Rules
from control_plane.health import HealthRules
from control_plane.library import Library
from control_plane.minting import Minter, TokenSettings
from control_plane.places import Places
from control_plane.policies import Policies
from control_plane.router import FEW, Router
from control_plane.routing import Region, Viewer
from control_plane.routing.asked import FIELDS, PARAMETERS, bounded
from control_plane.standing import Standings, open_standings
from control_plane.watch import Watch
from tests.bench.edge.load import Figures, read_wrk
from tests.bench.purge import processor_seconds, token
from tests.integration.fleet_service import Role
from tests.servers.parts import GEOIP_CITIES, installed, program
from tests.servers.processes import free_ports, wait_until_open
from tests.unit.control_plane.records import announcement, heartbeat

REGIONS = (
    Region("eu", "Europe", 50.11, 8.68),
    Region("us", "North America", 39.04, -77.49),
    Region("ap", "Asia-Pacific", 1.35, 103.82),
    Region("sa", "South America", -23.55, -46.63),
)
POLICY = Policy(blocked_countries=("AQ",), blocked_networks=("198.51.100.0/24",))
ZONE_NETWORKS = 1000
TOKENS = TokenSettings(keys=(TokenKeySettings(key_id="bench", secret="s" * 32),))
COPIES = 2
"""Of each asset, in each region."""
VIEWERS = 5000
"""Requests that wrk sends in turn."""
SERVER_CORE, LOAD_CORE = 0, 1
SLOWLY = "a route, to those who send a field that the express lane does not know"
CASES = (
    ("a route, to addresses that asked before", 0, False),
    ("a route, to addresses that never asked", 0, True),
    (SLOWLY, 0, False),
    ("a redirect by aiohttp without a decision", 1, False),
)
"""Their names, whether another server is asked, and whether each viewer is a new one."""
SCRIPT = """
local requests, turn = {{}}, 0
for line in io.lines("{asked}") do requests[#requests + 1] = line:gsub("\\t", "\\r\\n") end
local function anybody()
  local part = math.random
  return string.format("x-forwarded-for: %d.%d.%d.%d", part(1, 222), part(0, 255),
    part(0, 255), part(0, 255))
end
request = function()
  turn = turn % #requests + 1
  local one = requests[turn]
  if {new} then one = one:gsub("x%-forwarded%-for: [%d.]+", anybody, 1) end
  return one
end
"""
"""For wrk, in Lua."""
RESULT = Path(__file__).parent / "results" / "routes.md"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/12{}.0.0.0"
USER_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME} Mobile Safari/537.36",
    f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_{} like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "AppleCoreMedia/1.0.0.20E{} (Apple TV; U; CPU OS 16_4 like Mac OS X; en_us)",
    "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/7{}.0.3945.79 WebAppManager",
    "Roku/DVP-1{}.0 (519.10E04111A)",
    "ExoPlayer/2.1{}.0 (Linux;Android 12)",
)


def stock(path: Path, edges: int, assets: int) -> None:
    """Makes the catalog of a fleet."""
    now, chance = time.time(), random.Random(8)
    names = {region.name: [f"{region.name}-{n}" for n in range(edges)] for region in REGIONS}
    held: dict[str, list[HeldPackage]] = {name: [] for each in names.values() for name in each}
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        for number in range(assets):
            package = Package(
                announcement(f"a{number}", bytes=10**9, profiles=tuple(Profile)), now - number
            )
            record = encode_text(package)
            file.execute("INSERT INTO packages VALUES (?, '1', ?)", (f"a{number}", record))
            for each in names.values():
                for name in chance.sample(each, COPIES):
                    held[name].append(HeldPackage(f"a{number}", "1", 3, 3, 10**9, 10**9))
        for name, packages in held.items():
            beat = heartbeat(
                name,
                holdings_revision="1",
                capacity_bytes=10**13,
                used_bytes=10**12,
                bandwidth=10**10,
                sending=chance.randrange(7 * 10**9),
                load=0.2,
            )
            file.execute("INSERT INTO edges VALUES (?, ?, ?)", (name, now, encode_text(beat)))
            holdings = encode_text(Holdings(name, "1", tuple(packages)))
            file.execute("INSERT INTO holdings VALUES (?, ?)", (name, holdings))


async def _made(path: Path) -> None:
    """Makes the database, with what operators tell."""
    catalog = await SqliteCatalog.open(path)
    await catalog.close()
    documents = await open_documents(DatabaseSettings(sqlite=path))
    clock, chance = SystemClock(), random.Random(10)
    await Policies(documents, clock).tell("default", POLICY, by="bench")
    zones = tuple(
        CoverageZone(f"zone-{region.name}", tuple(_networks(chance, number)), (region.name,))
        for number, region in enumerate(REGIONS)
    )
    names = [region.name for region in REGIONS]
    await Coverage(documents, names, clock).tell(encode(CoverageZones(zones)), by="bench")
    await documents.close()


def _networks(chance: random.Random, zone: int) -> Iterator[str]:
    """Of a zone, here and there."""
    for number in chance.sample(range(0x0100, 0xDF00), ZONE_NETWORKS):
        yield f"{number >> 8}.{number & 255}.{zone}.0/24"


def asked(assets: int) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """What viewers ask: an asset, fields with the address among them, and parameters."""
    chance = random.Random(9)
    made = []
    for _ in range(VIEWERS):
        address = str(ip_address(chance.randrange(0x01000000, 0xDF000000)))
        agent = chance.choice(USER_AGENTS).format(chance.randrange(10))
        fields = {"x-forwarded-for": address, "user-agent": agent, "accept": "*/*"}
        if "Chrome/12" in agent:
            fields["downlink"] = str(chance.choice((1.5, 5, 10)))
            fields["sec-ch-ua-mobile"] = "?1" if "Mobile" in agent else "?0"
        query: dict[str, str] = {}
        if chance.random() < 0.3:
            query["CMCD"] = f'mtp={chance.randrange(500, 30000)},sid="{chance.randbytes(16).hex()}"'
        made.append((f"a{int(assets ** chance.random())}", fields, query))
    return made


def microseconds(work: Callable[[Any], object], given: Sequence[Any]) -> str:
    """What ``work`` takes of each, as two cells of the table: the least of three rounds, after one
    that warms up, as what others do on the machine counts as this process's time, too."""
    rounds: list[list[int]] = []
    for _ in range(4):
        rounds.append([])
        for one in given:
            began = time.thread_time_ns()
            work(one)
            rounds[-1].append(time.thread_time_ns() - began)
    cuts = statistics.quantiles([min(each) for each in zip(*rounds[1:], strict=True)], n=100)
    return f"{cuts[49] / 1000:.1f} | {cuts[98] / 1000:.1f}"


async def decisions(path: Path, assets: int) -> list[str]:
    """Times what is decided; rows of the table."""
    clock = SystemClock()
    catalog = await SqliteCatalog.open(path)
    store = await open_standings(DatabaseSettings(sqlite=path))
    library, fleet = Library(catalog, clock), Fleet(catalog, clock, Rules(REGIONS, 3600, 3600))
    await library.refresh()
    await fleet.refresh()
    rules = HealthRules(silence=3600)
    watch = Watch(fleet, rules, clock, Standings(store, clock), Findings(), lambda: 0)
    watch.look()
    documents = await open_documents(DatabaseSettings(sqlite=path))
    coverage = Coverage(documents, [region.name for region in REGIONS], clock)
    policies = Policies(documents, clock)
    await coverage.folder.refresh()
    await policies.folder.refresh()
    places = Places([installed(GEOIP_CITIES[0])], zones=lambda: coverage.table)
    minter = Minter(TOKENS, clock, lambda: TOKENS.keys[0])
    router = Router(library, fleet, watch, clock, Devices(), places, policies, (), minter)
    viewers = []
    for asset, fields, query in asked(assets):
        known = router.viewer_at(ip_address(fields["x-forwarded-for"]))
        told = bounded(fields, FIELDS)
        viewer = Viewer(known.address, known.place, None, told, bounded(query, PARAMETERS))
        viewers.append((asset, viewer))
    rows = [
        f"| {name} | {microseconds(work, viewers)} |"
        for name, work in (
            ("the best edge and the playlist", lambda one: router.route(one[0], one[1], 1)),
            (f"the {FEW} best edges", lambda one: router.route(one[0], one[1])),
            ("every edge", lambda one: router.route(one[0], one[1], None)),
        )
    ]
    await catalog.close()
    await store.close()
    await documents.close()
    return rows


def requests(assets: int, besides: dict[str, str]) -> str:
    """What wrk asks, with fields ``besides``: a request to a line, tabs for ends of lines."""
    lines = []
    for asset, fields, query in asked(assets):
        target = f"/play/{asset}?{urlencode(query)}" if query else f"/play/{asset}"
        head = (
            f"{name}: {value}"
            for name, value in {"host": "routes.example.org", **fields, **besides}.items()
        )
        lines.append("\t".join((f"GET {target} HTTP/1.1", *head, "", "")))
    return "\n".join(lines)


@dataclass(frozen=True)
class Cost:
    """What a server's answers cost it."""

    idle: float
    """The part of a core that it uses while nobody asks."""
    each: float
    """Seconds of CPU time for each answer, beside that."""
    figures: Figures

    @property
    def per_core(self) -> float:
        """Answers a second that a core of its own has time for."""
        return (1 - self.idle) / self.each


@dataclass(frozen=True)
class Case:
    """What is measured."""

    name: str
    pid: int
    port: int
    script: Path


async def over_http(
    folder: Path, database: Path, given: argparse.Namespace
) -> dict[str, list[Cost]]:
    """Loads a control plane, and a server that does nothing but redirect, in turn."""
    ports = free_ports(2)
    role = Role("control", folder, settings_of(ports[0], database, given.edges))
    command = [sys.executable, "-m", "tests.bench.routes", "--bare", str(ports[1])]
    bare = await asyncio.to_thread(subprocess.Popen, command)
    try:
        await role.start()
        await asyncio.to_thread(wait_until_open, ports[1], bare, RESULT)
        assert role._process is not None
        pids = (role._process.pid, bare.pid)
        for pid in pids:
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {SERVER_CORE})
        cases = [
            Case(name, pids[server], ports[server], script(folder, given.assets, number, new=new))
            for number, (name, server, new) in enumerate(CASES)
        ]
        await _settled(pids[0])
        await _cost(cases[0], given.seconds)
        rounds = [[await _cost(case, given.seconds) for case in cases] for _ in range(given.rounds)]
        named = zip((case.name for case in cases), zip(*rounds, strict=True), strict=True)
        return {name: list(costs) for name, costs in named}
    finally:
        bare.kill()
        await asyncio.to_thread(bare.wait)
        await role.kill()


def script(folder: Path, assets: int, number: int, *, new: bool) -> Path:
    """Writes what wrk runs for a case: viewers at their addresses, or each time at another one."""
    asks, path = folder / f"asked-{number}.txt", folder / f"asked-{number}.lua"
    asks.write_text(requests(assets, {"x-odd": "1"} if CASES[number][0] == SLOWLY else {}))
    path.write_text(SCRIPT.format(asked=asks, new=str(new).lower()))
    return path


def settings_of(port: int, database: Path, edges: int) -> dict[str, Any]:
    """The settings of the control plane."""
    return {
        "listen": {"port": port},
        "database": {"sqlite": str(database)},
        "regions": [
            {each: getattr(region, each) for each in ("name", "title", "latitude", "longitude")}
            for region in REGIONS
        ],
        "credentials": [
            {"name": name, "token": token(name), "roles": ["edge"]}
            for region in REGIONS
            for name in (f"{region.name}-{number}" for number in range(edges))
        ],
        "tokens": {"keys": msgspec.to_builtins(TOKENS.keys)},
        "geoip": [str(installed(GEOIP_CITIES[0]))],
        "trusted_proxies": ["127.0.0.0/8"],
        "heartbeat_timeout": 3600.0,
        "placement_patience": 7200.0,
        # Looking up four hundred names that nobody answers for is no part of a fleet's life.
        "probes": {"every": 3600.0},
        "log_level": "warning",
    }


async def _cost(case: Case, seconds: int) -> Cost:
    pid, url = case.pid, f"http://127.0.0.1:{case.port}"
    began, used = time.monotonic(), processor_seconds(pid)
    await asyncio.sleep(2)
    idle = (processor_seconds(pid) - used) / (time.monotonic() - began)
    load = ["taskset", "-c", str(LOAD_CORE), program("wrk"), "-t1", "-c32", "--latency"]
    load += [f"-d{seconds}s", "-s", str(case.script), url]
    began, used = time.monotonic(), processor_seconds(pid)
    done = await asyncio.to_thread(subprocess.run, load, capture_output=True, check=True)
    used, took = processor_seconds(pid) - used, time.monotonic() - began
    figures = read_wrk(done.stdout.decode(), used)
    return Cost(idle, (used - idle * took) / figures.requests, figures)


async def _settled(pid: int) -> None:
    """Waits until what a start begins is done: the first plan of 10,000 assets takes a while."""
    used, before = processor_seconds(pid), -1.0
    while used - before > 0.25:
        await asyncio.sleep(1)
        before, used = used, processor_seconds(pid)


async def bare(port: int) -> None:
    """Answers as ``/play`` does, without deciding anything: what aiohttp itself takes."""

    async def redirect(_: web.Request) -> web.Response:
        location = "https://eu-1.example.org/v/a1/1/main.m3u8"
        return web.Response(status=302, headers={"Location": location, **PLAY_FIELDS})

    application = web.Application()
    application.router.add_get(f"/play/{ASSET}", redirect)
    async with listening([Listener(application, ListenSettings(port=port))]):
        await asyncio.Event().wait()


async def run(given: argparse.Namespace) -> str:
    """Measures all of it; the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = folder / "control.sqlite"
        await _made(database)
        await asyncio.to_thread(stock, database, given.edges, given.assets)
        rows = await decisions(database, given.assets)
        costs = await over_http(folder, database, given)
    how = (
        f"`make bench-routes`, which `tests/bench/routes.py` explains. {len(REGIONS)} regions of "
        f"{given.edges} edges, {given.assets:,} assets; {os.cpu_count()} cores that others use "
        f"too, {platform.machine()}, Python {platform.python_version()}."
    )
    best = {name: min(each, key=lambda cost: cost.each) for name, each in costs.items()}
    answers = [
        f"| {name} | {1e6 * cost.each:.0f} | **{cost.per_core:,.0f}** | "
        f"{', '.join(f'{each.per_core:,.0f}' for each in costs[name])} |"
        for name, cost in best.items()
    ]
    cost = next(iter(best.values()))
    told = (
        "Watching over the edges, without probes of them, takes "
        f"{cost.idle:.1%} of a core, which is taken off. In the best "
        f"round wrk got {cost.figures.per_second:,.0f} a second from 32 connections, p50 "
        f"{1000 * cost.figures.p50:.1f} ms, p99 {1000 * cost.figures.p99:.1f} ms; "
        f"{sum(each.figures.failed for many in costs.values() for each in many)} answers of all "
        "were none. The machine's other users slow everything down, at times by half."
    )
    decided = ["| decided, microseconds of CPU time | p50 | p99 |", "|---|---|---|"]
    answered = [
        "| answered over HTTP | microseconds | a second on one core | in each round |",
        "|---|---|---|---|",
    ]
    parts = [how, "", *decided, *rows, "", *answered, *answers, "", told, ""]
    return "\n".join(["# What sending viewers costs", "", *parts])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edges", type=int, default=100)
    parser.add_argument("--assets", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    logs.configure("bench", level="warning")
    if given.bare is not None:
        uvloop.run(bare(given.bare))
        return
    report = uvloop.run(run(given))
    print(report)
    given.out.write_text(report)


if __name__ == "__main__":
    main()
