"""Two control planes over one MongoDB and one Redis, each on a host of its own, and what edges,
operators and viewers say to them."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import tomli_w

from common.service import Role
from tests.faults.network import Network
from tests.integration.control_service import ROLES, TOKENS, Talk
from tests.servers.databases import initiate
from tests.servers.parts import MONGOD, installed, program
from tests.servers.processes import stop

EDGES = ("eu-1", "eu-2", "us-1")
PORT = 8440
WITHIN = 40.0
"""Seconds in which anything comes right that may."""


class Machines:
    """The hosts ``redis``, ``one``, ``two`` and those of MongoDB, and what runs on them."""

    def __init__(
        self, network: Network, folder: Path, databases: Sequence[str], settings: Mapping[str, Any]
    ) -> None:
        self._besides = settings
        self.network = network
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.databases = databases
        servers = ",".join(f"{network.addresses[name]}:27017" for name in databases)
        self.mongodb = f"mongodb://{servers}/?replicaSet=rs0"

    def start(self, name: str, host: str, *command: str) -> None:
        """Runs a command on a host."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.network.inside(host, command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )

    def start_databases(self) -> None:
        """Starts MongoDB and Redis."""
        for name in self.databases:
            (self.folder / name).mkdir()
            self.start_mongodb(name)
        self.start_redis()
        initiate(*(f"{self.network.addresses[name]}:27017" for name in self.databases))

    def start_mongodb(self, name: str) -> None:
        """Starts the server of MongoDB on the host ``name``."""
        host = self.network.addresses[name]
        command = [str(installed(MONGOD)), "--dbpath", str(self.folder / name), "--bind_ip", host]
        command += ["--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--nounixsocket"]
        self.start(name, name, *command)

    def start_redis(self) -> None:
        """Starts Redis, empty."""
        command = [program("redis-server"), "--bind", self.network.addresses["redis"]]
        self.start("redis", "redis", *command, "--protected-mode", "no", "--save", "")

    def start_control(self, name: str) -> None:
        """Starts the control plane of the host ``name``."""
        config = self.folder / f"{name}.toml"
        config.write_text(tomli_w.dumps(self._settings(name)))
        command = [sys.executable, "-m", "deploy", "control", "--config", str(config)]
        self.start(name, name, *command)

    def _settings(self, name: str) -> dict[str, Any]:
        return {
            "listen": {"host": self.network.addresses[name], "port": PORT},
            "database": {"mongodb": self.mongodb},
            "redis": f"redis://{self.network.addresses['redis']}:6379/0",
            "snapshot": f"{name}.snapshot",
            "regions": [
                {"name": region, "title": region, "latitude": 50.0, "longitude": 8.0}
                for region in ("eu", "us")
            ],
            "credentials": [
                {"name": who, "token": token, "roles": [ROLES.get(who, Role.EDGE).value]}
                for who, token in TOKENS.items()
            ],
            **self._besides,
        }

    def url(self, name: str) -> str:
        """Where the control plane of the host ``name`` answers."""
        return f"http://{self.network.addresses[name]}:{PORT}"

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to what was started under that name."""
        self.processes[name].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[name].wait()

    def end(self) -> None:
        """Ends everything."""
        for name, process in reversed(self.processes.items()):
            process.send_signal(signal.SIGCONT)
            if name in self.databases:
                # Nobody needs what it has; told to end, it waits for the others.
                process.kill()
            stop(process)

    def planned(self) -> list[tuple[str, str]]:
        """When each control plane began to plan, and its name, in their order."""
        return sorted(
            (told["timestamp"], name)
            for name in ("one", "two")
            for told in self.told(name, "planning")
        )

    def told(self, name: str, event: str) -> list[dict[str, Any]]:
        """What was written down of events of one kind by what was started under that name."""
        found = []
        for line in (self.folder / f"{name}.log").read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                told = json.loads(line)
                if told["event"] == event:
                    found.append(told)
        return found


@contextlib.contextmanager
def machines(
    network: Network, folder: Path, databases: Sequence[str] = ("db",), **settings: Any
) -> Iterator[Machines]:
    """Both databases, MongoDB on the hosts ``databases``, and both control planes, with
    ``settings`` besides or instead."""
    here = Machines(network, folder, databases, settings)
    try:
        here.start_databases()
        for name in ("one", "two"):
            here.start_control(name)
        yield here
    finally:
        here.end()


class Fleet:
    """Edges that tell of themselves all the time, to the first control plane that answers, and say
    that they have done what they are told, which is nothing."""

    def __init__(self, here: Machines) -> None:
        self._here = here
        self.talks: dict[str, Talk] = {}
        # It rises from one test to the next.
        self._sequence = int(time.monotonic() * 10)
        self._purges = 0
        self.silent: set[str] = set()

    async def until(self, what: Callable[[], Awaitable[bool]], within: float = WITHIN) -> float:
        """Waits until ``what`` is so; how many seconds that took."""
        began = time.monotonic()
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, AssertionError):
                if await what():
                    return time.monotonic() - began
            assert time.monotonic() - began < within, what
            await asyncio.sleep(0.1)

    async def live(self) -> None:
        """Lets the edges live, for ever."""
        while True:
            self._sequence += 1
            await asyncio.gather(*(self._beat(edge) for edge in EDGES if edge not in self.silent))
            await asyncio.sleep(0.5)

    async def _beat(self, edge: str) -> None:
        for talk in self.talks.values():
            talk._sequences[edge] = self._sequence
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, AssertionError):
                answer = await talk.beat(edge, purges=self._purges)
                self._purges = max(self._purges, answer["purges"])
                if answer["send_holdings"]:
                    await talk.hold(edge)
                return

    async def is_ready(self, name: str) -> bool:
        """Whether a control plane says that it has everything."""
        return await self.readiness(name) == {}

    async def readiness(self, name: str) -> dict[str, str]:
        """What a control plane says that it has to do without."""
        async with self.talks[name].session.get("/readyz") as response:
            body = await response.json()
            return dict(body.get("away", {}))

    async def routed(self, name: str, asset: str) -> bool:
        """Whether a control plane sends viewers of an asset anywhere."""
        status, body, _ = await self.talks[name].call("GET", f"/play/{asset}.json")
        return status == 200 and len(body["edges"]) > 0

    async def placed(self, name: str, asset: str) -> bool:
        """Whether a control plane knows where an asset is to be."""
        status, told, _ = await self.talks[name].call("GET", f"/v1/assets/{asset}", "operator")
        return status == 200 and sum(region["wanted"] for region in told["copies"]) == len(EDGES)


@contextlib.asynccontextmanager
async def fleet(here: Machines) -> AsyncIterator[Fleet]:
    """Edges that live while the block runs, from when both control planes know them."""
    made = Fleet(here)
    async with contextlib.AsyncExitStack() as stack:
        for name in ("one", "two"):
            session = aiohttp.ClientSession(
                here.url(name), timeout=aiohttp.ClientTimeout(total=3, connect=1)
            )
            made.talks[name] = Talk(await stack.enter_async_context(session))
        living = asyncio.create_task(made.live())
        try:
            for name in made.talks:
                await made.until(partial(made.is_ready, name))
            yield made
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
