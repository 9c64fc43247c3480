"""Control plane, origin and edge as processes of their own, for tests."""

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
import tomli_w

from edge.store.claim import Claim
from tests.integration.control_service import TOKENS, Talk
from tests.integration.edge_service import until
from tests.integration.proxy_service import Viewer
from tests.integration.test_edge_workers import children, eventually
from tests.integration.versions_service import CONTROL_TOKEN, Operator, Origin, origin_of
from tests.servers.processes import free_ports, wait_until_open


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

    def signal(self, number: signal.Signals) -> list[int]:
        """Sends a signal to it and to what it has started; all their numbers."""
        process = self._process
        family = [process.pid, *children(process.pid)] if process is not None else []
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return family

    async def kill(self) -> None:
        """Ends it, and what it has started, as a crash would."""
        family = self.signal(signal.SIGKILL)
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(process.wait)
            # A worker gives its sockets back when it is reaped, which is not ours to wait for.
            await until(lambda: not any(Path("/proc", str(pid)).exists() for pid in family))


class Fleet:
    """A control plane, an origin and an edge, and what is said to them."""

    def __init__(self, folder: Path, origin: Origin, ports: list[int], talk: Talk) -> None:
        control, port, admin = ports
        self.cache = folder / "cache"
        self.control_url = f"http://127.0.0.1:{control}"
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
                "control": {"url": self.control_url, "token": TOKENS["eu-1"]},
                "workers": 2,
                "memory": "16MiB",
                "disk": "100MiB",
                "heartbeat_interval": 0.1,
            },
        )

    async def until_held(self, versions: int, asset: str = "a") -> None:
        """Waits until the edge holds so many versions whole."""

        async def held() -> bool:
            told = await self.operator.versions(asset)
            return sum(int(each["edges"]) for each in told) >= versions

        await eventually(held)

    async def statuses(self, version: str) -> set[int]:
        """What requests for some of a version's objects come to."""
        names = ["main.m3u8", "manifest.json", *(f"{number:05}.m4s" for number in range(30))]
        asked = [f"/v/a/{version}/{name}" for name in names]
        return {(await self.viewer.get(path)).status for path in asked}


@contextlib.asynccontextmanager
async def running_fleet(folder: Path) -> AsyncIterator[Fleet]:
    """A fleet in ``folder``, all of which runs."""
    ports = free_ports(3)
    async with (
        origin_of(folder) as origin,
        aiohttp.ClientSession(f"http://127.0.0.1:{ports[0]}") as session,
    ):
        made = Fleet(folder, origin, ports, Talk(session))
        try:
            for role in (made.origin, made.control, made.edge):
                await role.start()
            yield made
        finally:
            for role in (made.edge, made.control, made.origin):
                await role.kill()
            await asyncio.to_thread(_tidy, made.cache)


def _tidy(cache: Path) -> None:
    """Takes away what the next start of the edge would: there is none."""
    claim = Claim(cache)
    claim.runtime()
    claim.release()
