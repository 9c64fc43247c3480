"""A real control plane with a real edge, an origin for it, and what operators say about purges."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from common.service import PeerSettings
from control_plane.settings import Settings as ControlSettings
from edge.settings import Settings as EdgeSettings
from tests.integration.control_service import TOKENS, Talk, control_plane, control_settings
from tests.integration.edge_service import IMMUTABLE, edge, edge_settings, serving
from tests.integration.proxy_service import Viewer
from tests.servers.processes import free_ports

PATHS = ("/v/a/1/main.m3u8", "/v/a/1/x/0.m4s", "/v/a/2/main.m3u8", "/v/b/1/main.m3u8")


@dataclass
class Origin:
    """Has an object at every path, with the last part of that as its surrogate key."""

    port: int
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Paths, and the validator that each was asked for with."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        validator = request.headers.get("If-None-Match")
        self.asked.append((request.path, validator))
        fields = {
            "ETag": '"x"',
            "Cache-Control": IMMUTABLE,
            "Surrogate-Key": request.path.rpartition("/")[2],
        }
        if validator == '"x"':
            return web.Response(status=304, headers=fields)
        return web.Response(body=request.path.encode(), headers=fields)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def origin_running() -> AsyncIterator[Origin]:
    (port,) = free_ports(1)
    origin = Origin(port)
    async with serving(origin.answer, port):
        yield origin


@dataclass
class Operator:
    """What an operator, and edges that are but said to be there, say about purges."""

    talk: Talk

    async def ask(self, name: str | None = "operator", **asked: Any) -> tuple[int, dict[str, Any]]:
        """Status and answer of a request to purge; ``wait`` is how long it may take."""
        wait = asked.pop("wait", 0)
        path = f"/v1/purges?wait={wait}"
        status, body, fields = await self.talk.call("POST", path, name, json=asked)
        if status == 202:
            assert fields["Location"] == f"/v1/purges/{body['purge_id']}"
        return status, body

    async def purge(self, **asked: Any) -> dict[str, Any]:
        """The purge, once it is taken."""
        status, body = await self.ask(**asked)
        assert status == 202, body
        return body

    async def purge_of(self, purge_id: str, wait: float = 0) -> dict[str, Any]:
        path = f"/v1/purges/{purge_id}?wait={wait}"
        status, body, _ = await self.talk.call("GET", path, "operator")
        assert status == 200, body
        return dict(body)

    async def states(self, purge_id: str) -> dict[str, str]:
        """How far a purge is on each edge."""
        view = await self.purge_of(purge_id)
        return {each["edge_id"]: each["state"] for each in view["edges"]}

    async def orders(self, edge_id: str, purges: int, wait: int = 0) -> dict[str, Any] | None:
        """What an edge is told of purges that has carried out all up to number ``purges``."""
        path = f"/v1/edges/{edge_id}/orders?purges={purges}&wait={wait}"
        status, body, _ = await self.talk.call("GET", path, edge_id)
        assert status == 200, body
        return body["purges"] if body["purges"] is not None else None

    async def until(self, check: Callable[[], Any], within: float = 20.0) -> None:
        """Waits until ``check``, a coroutine function, answers true."""
        async with asyncio.timeout(within):
            while not await check():  # noqa: ASYNC110 - it is the system's doing
                await asyncio.sleep(0.02)


@dataclass
class Fleet:
    """A control plane, and the settings of an edge that it has."""

    operator: Operator
    control: ControlSettings
    edge: EdgeSettings
    origin: Origin

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.edge.listen.port)

    @contextlib.asynccontextmanager
    async def edge_running(self) -> AsyncIterator[None]:
        """The edge, which the control plane has heard of when the block begins."""
        async with edge(self.edge):
            await self.operator.until(self._heard)
            yield

    async def _heard(self) -> bool:
        _, edges, _ = await self.operator.talk.call("GET", "/v1/edges", "operator")
        return any(each["edge_id"] == "eu-1" and each["state"] == "up" for each in edges)

    async def fill(self) -> None:
        """Has all of ``PATHS`` stored."""
        for path in PATHS:
            while not (await self.viewer.get(path)).cache.startswith("hit"):
                pass
        self.origin.asked.clear()

    async def asked_again(self) -> dict[str, str | None]:
        """The paths that the edge asks the origin for when viewers ask for all, with validators."""
        self.origin.asked.clear()
        for path in PATHS:
            got = await self.viewer.get(path)
            assert (got.status, got.body) == (200, path.encode())
        return dict(self.origin.asked)


@contextlib.asynccontextmanager
async def fleet_in(folder: Path, origin: Origin, **changes: Any) -> AsyncIterator[Fleet]:
    """A fleet whose control plane runs and whose edge does not yet."""
    control = control_settings(folder, geoip=(), **changes)
    settings = edge_settings(folder / "edge", origin.url, **reaching(control))
    async with control_plane(control) as talk:
        yield Fleet(Operator(talk), control, settings, origin)


def reaching(control: ControlSettings) -> dict[str, Any]:
    """The settings of an edge that has ``control`` as its control plane."""
    url = f"http://127.0.0.1:{control.listen.port}"
    return {"control": PeerSettings(url=url, token=TOKENS["eu-1"])}
