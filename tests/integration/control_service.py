"""A control plane of its own for tests, and what edges, ingest and viewers say to it."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from common.messages import encode
from common.service import CredentialSettings, DatabaseSettings, ListenSettings, Role
from control_plane.app import main
from control_plane.settings import RegionSettings, Settings
from deploy.up.geography import PLACES
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement, heartbeat, holdings

TOKENS = {
    name: f"{name}-token-for-tests"
    for name in ("operator", "ingest", "publisher", "eu-1", "eu-2", "us-1", "ap-1", "sa-1")
}


ROLES = {"operator": Role.OPERATOR, "ingest": Role.INGEST, "publisher": Role.PUBLISHER}


CLIENTS = {"eu": "192.0.2.1", "us": "198.51.100.1", "ap": "203.0.113.1"}


GEOIP = Path(tempfile.mkdtemp()) / "geoip.mmdb"


def control_settings(folder: Path, **changes: Any) -> Settings:
    (port,) = free_ports(1)
    given: dict[str, Any] = {
        "listen": ListenSettings(port=port),
        "database": DatabaseSettings(sqlite=folder / "control.sqlite"),
        "regions": tuple(
            RegionSettings(name=p.region, title=p.title, latitude=p.latitude, longitude=p.longitude)
            for p in PLACES
        ),
        "credentials": tuple(
            CredentialSettings(name=name, token=token, roles=(ROLES.get(name, Role.EDGE),))
            for name, token in TOKENS.items()
        ),
        "geoip": (GEOIP,),
        "trusted_proxies": ("127.0.0.0/8",),
        # Most edges of these tests beat once.
        "heartbeat_timeout": 600.0,
        # Most edges of these tests are only said to be there.
        "probes": None,
    }
    return Settings(**{**given, **changes})


class Talk:
    """Says to a control plane what edges, ingest and viewers say."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._sequences: dict[str, int] = {}

    async def call(
        self, method: str, path: str, name: str | None = None, **options: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and fields of an answer; ``name`` is who asks."""
        headers = {"Authorization": f"Bearer {TOKENS[name]}"} if name else {}
        headers |= options.pop("headers", {})
        async with self.session.request(
            method, path, headers=headers, allow_redirects=False, **options
        ) as response:
            text = await response.text()
            body = msgspec.json.decode(text) if "json" in response.content_type else text
            return response.status, body, dict(response.headers)

    async def beat(self, edge: str, **changes: Any) -> dict[str, Any]:
        self._sequences[edge] = self._sequences.get(edge, 0) + 1
        body = encode(heartbeat(edge, self._sequences[edge], **changes))
        status, answer, _ = await self.call("POST", f"/v1/edges/{edge}/heartbeat", edge, data=body)
        assert status == 200, answer
        return dict(answer)

    async def publish(self, asset: str = "a", **changes: Any) -> None:
        status, body, _ = await self.call(
            "POST", "/v1/packages", "ingest", data=encode(announcement(asset, **changes))
        )
        assert status == 201, body

    async def hold(self, edge: str, *names: tuple[str, str], held: int = 3) -> None:
        body = encode(holdings(edge, *names, held=held))
        status, answer, _ = await self.call("PUT", f"/v1/edges/{edge}/holdings", edge, data=body)
        assert status == 204, answer

    async def until_placed(self, edges: int, asset: str = "a") -> None:
        """Waits until so many edges should hold an asset."""
        async with asyncio.timeout(30):
            while True:
                _, told, _ = await self.call("GET", f"/v1/assets/{asset}", "operator")
                if sum(region["wanted"] for region in told["copies"]) == edges:
                    return
                await asyncio.sleep(0.01)

    async def orders(self, edge: str, wait: int = 0, **known: int) -> dict[str, Any]:
        """What is new to an edge."""
        query = {"wait": wait, **known}
        status, answer, _ = await self.call("GET", f"/v1/edges/{edge}/orders", edge, params=query)
        assert status == 200, answer
        return dict(answer)

    async def route(self, client: str, asset: str = "a") -> list[dict[str, Any]]:
        headers = {"X-Forwarded-For": client}
        status, body, _ = await self.call("GET", f"/play/{asset}.json", headers=headers)
        assert status == 200, body
        return list(body["edges"])


@contextlib.asynccontextmanager
async def control_plane(settings: Settings) -> AsyncIterator[Talk]:
    stop = asyncio.Event()
    running = asyncio.create_task(main(settings, stop))
    base = f"http://127.0.0.1:{settings.listen.port}"
    async with aiohttp.ClientSession(base) as session:
        try:
            async with asyncio.timeout(30):
                while not await listens(settings.listen.port):
                    if running.done():
                        await running
                    await asyncio.sleep(0.01)
            yield Talk(session)
        finally:
            stop.set()
            await running


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
