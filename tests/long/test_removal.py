"""``kill -9`` of each role while a version is removed: the next start finishes what was ordered."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import tomli_w

from edge.store.claim import Claim
from tests.integration.proxy_service import Viewer
from tests.integration.test_control_plane import TOKENS, Talk
from tests.integration.test_edge_removal import stored
from tests.integration.test_edge_workers import children
from tests.integration.versions_service import CONTROL_TOKEN, Operator, Origin, origin_of
from tests.servers.processes import free_ports, wait_until_open

SEGMENTS = 100


class Role:
    """A role as a process of its own."""

    def __init__(self, name: str, folder: Path, settings: dict[str, Any]) -> None:
        self._name = name
        self._config = folder / f"{name}.toml"
        self._config.write_text(tomli_w.dumps(settings))
        self._ports = [settings[key]["port"] for key in ("listen", "admin") if key in settings]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Starts it, and waits until it answers."""
        log = self._config.with_suffix(".log")
        command = [sys.executable, "-m", "deploy", self._name, "--config", str(self._config)]
        with log.open("ab") as output:
            self._process = await asyncio.to_thread(
                subprocess.Popen, command, stdout=output, stderr=output
            )
        for port in self._ports:
            await asyncio.to_thread(wait_until_open, port, self._process, log)

    async def kill(self) -> None:
        """Ends it, and what it has started, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            family = [process.pid, *children(process.pid)]
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(process.wait)
            # A worker gives its sockets back when it is reaped, which is not ours to wait for.
            while any(Path("/proc", str(pid)).exists() for pid in family):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


class Fleet:
    """A control plane, an origin and an edge, and what is said to them."""

    def __init__(self, folder: Path, origin: Origin, ports: list[int], talk: Talk) -> None:
        control, port, admin = ports
        self.cache = folder / "cache"
        self.store = origin
        self.viewer = Viewer(port)
        self.operator = Operator(talk)

        def credentials(**roles: str) -> list[dict[str, Any]]:
            tokens = {**TOKENS, "control": CONTROL_TOKEN}
            return [
                {"name": name, "token": tokens[name], "roles": [role]}
                for name, role in roles.items()
            ]

        self.origin = Role(
            "origin",
            folder,
            {
                "listen": {"port": origin.settings.listen.port},
                "store": {"folder": str(folder / "objects")},
                "credentials": credentials(control="control") + credentials(**{"eu-1": "edge"}),
            },
        )
        self.control = Role(
            "control",
            folder,
            {
                "listen": {"port": control},
                "database": {"sqlite": str(folder / "control.sqlite")},
                "origin": {"url": origin.peer.url, "token": CONTROL_TOKEN},
                "regions": [{"name": "eu", "title": "Europe", "latitude": 0.0, "longitude": 0.0}],
                "credentials": credentials(
                    operator="operator", ingest="ingest", publisher="publisher"
                )
                + credentials(**{"eu-1": "edge"}),
            },
        )
        self.edge = Role(
            "edge",
            folder,
            {
                "edge_id": "eu-1",
                "region": "eu",
                "url": f"http://127.0.0.1:{port}",
                "listen": {"port": port},
                "admin": {"port": admin},
                "cache_folder": str(self.cache),
                "origin": {"url": origin.peer.url, "token": TOKENS["eu-1"]},
                "control": {"url": f"http://127.0.0.1:{control}", "token": TOKENS["eu-1"]},
                "workers": 2,
                "memory": "16MiB",
                "disk": "100MiB",
                "heartbeat_interval": 0.1,
            },
        )

    async def until_held(self, versions: int) -> None:
        """Waits until the edge holds so many versions whole."""
        async with asyncio.timeout(30):
            while await self._held() < versions:  # noqa: ASYNC110 - it is the edge's doing
                await asyncio.sleep(0.05)

    async def _held(self) -> int:
        return sum(told["edges"] for told in await self.operator.versions())

    async def statuses(self, version: str) -> set[int]:
        """What requests for some of a version's objects come to."""
        names = ["main.m3u8", "manifest.json", *(f"{number:05}.m4s" for number in range(30))]
        asked = [f"/v/a/{version}/{name}" for name in names]
        return {(await self.viewer.get(path)).status for path in asked}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    ports = free_ports(3)
    async with (
        origin_of(tmp_path) as origin,
        aiohttp.ClientSession(f"http://127.0.0.1:{ports[0]}") as session,
    ):
        made = Fleet(tmp_path, origin, ports, Talk(session))
        try:
            for role in (made.origin, made.control, made.edge):
                await role.start()
            for version in ("1", "2"):
                await made.operator.announce(await origin.package(version, segments=SEGMENTS))
            await made.until_held(2)
            yield made
        finally:
            for role in (made.edge, made.control, made.origin):
                await role.kill()
            await asyncio.to_thread(tidy, made.cache)


def tidy(cache: Path) -> None:
    """Takes away what the next start of the edge would: there is none."""
    claim = Claim(cache)
    claim.runtime()
    claim.release()


async def proven(fleet: Fleet, removal_id: str) -> None:
    """Version 2 is gone from everywhere, and version 1 is as it was."""
    removal = await fleet.operator.until_done(removal_id)
    assert [edge["state"] for edge in removal["edges"]] == ["confirmed"]
    assert {key.split("/")[0] for key in await fleet.store.keys()} == {"1"}
    assert await fleet.statuses("2") <= {404, 410}
    assert await fleet.statuses("1") == {200}
    assert await fleet.operator.current() == "1"
    await fleet.edge.kill()
    assert await asyncio.to_thread(stored, fleet.cache, "v/a/2/") == []


@pytest.mark.parametrize("after", [0.05, 0.4, 1.0])
async def test_an_edge_that_is_killed_while_it_removes_finishes_after_its_next_start(
    fleet: Fleet, after: float
) -> None:
    _, removal = await fleet.operator.remove("2")
    await asyncio.sleep(after)
    await fleet.edge.kill()
    await fleet.edge.start()

    # From the first request on, whether it had learnt of the removal before or not.
    assert await fleet.statuses("2") <= {404, 410}
    await proven(fleet, removal["removal_id"])


async def test_an_edge_that_was_dead_when_a_version_was_removed_never_serves_it_again(
    fleet: Fleet,
) -> None:
    await fleet.edge.kill()
    _, removal = await fleet.operator.remove("2")
    await fleet.edge.start()

    assert await fleet.statuses("2") <= {404, 410}
    await proven(fleet, removal["removal_id"])


@pytest.mark.parametrize("origin_is_there", [True, False])
async def test_a_control_plane_that_is_killed_after_its_answer_has_lost_nothing(
    fleet: Fleet, origin_is_there: bool
) -> None:
    if not origin_is_there:
        await fleet.origin.kill()
    _, removal = await fleet.operator.remove("2")
    await fleet.control.kill()
    if not origin_is_there:
        assert len(await fleet.store.keys()) == 2 * (SEGMENTS + 2)
        await fleet.origin.start()
    await fleet.control.start()

    await proven(fleet, removal["removal_id"])


@pytest.mark.parametrize("after", [0.02, 0.1])
async def test_an_origin_that_is_killed_while_it_deletes_goes_on_later(
    fleet: Fleet, after: float
) -> None:
    _, removal = await fleet.operator.remove("2")
    await asyncio.sleep(after)
    await fleet.origin.kill()
    await asyncio.sleep(0.5)
    await fleet.origin.start()

    await proven(fleet, removal["removal_id"])
