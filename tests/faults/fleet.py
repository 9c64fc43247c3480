"""A whole fleet of real processes: control planes, an origin on a folder and edges in regions.

Viewers, operators and ingest talk with it as they do with any; ``edges`` are killed, stopped and
started by whoever asks.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import tomli_w

from common.messages import (
    EdgeView,
    ManifestObject,
    PackageAnnouncement,
    PackageManifest,
    decode,
    encode,
)
from common.messages.packages import manifest_key, version_prefix
from deploy.up.geography import PLACES, ensure_database
from edge.store.claim import Claim
from origin.store import ObjectStore, StoreSettings, open_store
from tests.integration.fleet_service import Role
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement

CLIENTS = {"eu": "192.0.2", "us": "198.51.100"}
"""The first numbers of addresses of viewers in each region."""
WITHIN = 90.0
"""Seconds in which anything comes right that may."""

T = TypeVar("T")


def regions() -> list[dict[str, Any]]:
    """The settings of the regions that have viewers here."""
    return [
        {
            "name": place.region,
            "title": place.title,
            "latitude": place.latitude,
            "longitude": place.longitude,
        }
        for place in PLACES
        if place.region in CLIENTS
    ]


def token(name: str) -> str:
    """The secret of a credential."""
    return f"{name}-token-for-the-fleet"


def bearer(name: str) -> dict[str, str]:
    """What a request of ``name`` carries."""
    return {"Authorization": f"Bearer {token(name)}"}


@dataclass
class Edge:
    """An edge, and where it is."""

    edge_id: str
    region: str
    role: Role
    cache: Path
    url: str
    admin: str


@dataclass
class Fleet:
    """All that runs, and what is said to it."""

    folder: Path
    session: aiohttp.ClientSession
    store: ObjectStore
    names: Sequence[str]
    """Of every edge that has a credential."""
    besides: Mapping[str, Any]
    """The control planes' settings that are not the same in every fleet."""
    controls: list[Role] = field(default_factory=list)
    control_urls: list[str] = field(default_factory=list)
    origin_url: str = ""
    edges: dict[str, Edge] = field(default_factory=dict)
    roles: list[Role] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where the first control plane answers."""
        return self.control_urls[0]

    # What runs.

    def control_settings(self, number: int, **changes: Any) -> dict[str, Any]:
        """The settings of a control plane; ``changes`` are of its credentials, by their names."""
        operator = {"name": "operator", "token": token("operator"), "roles": ["operator"]}
        ingest = {"name": "ingest", "token": token("ingest"), "roles": ["ingest"]}
        return {
            "listen": {"port": int(self.control_urls[number].rpartition(":")[2])},
            "regions": regions(),
            "credentials": [operator, ingest]
            + [
                {"name": name, "token": token(name), "roles": ["edge"], **changes.get(name, {})}
                for name in self.names
            ],
            "geoip": [str(self.folder / "geoip.mmdb")],
            "trusted_proxies": ["127.0.0.0/8"],
            **self.besides,
        }

    def _role(self, name: str, kind: str, settings: dict[str, Any]) -> Role:
        folder = self.folder / name
        folder.mkdir()
        role = Role(kind, folder, settings)
        self.roles.append(role)
        return role

    async def start_services(self, controls: int) -> None:
        """Starts the origin and the control planes."""
        (port,) = free_ports(1)
        self.origin_url = f"http://127.0.0.1:{port}"
        settings = {
            "listen": {"port": port},
            "store": {"folder": str(self.folder / "objects")},
            "credentials": [
                {"name": name, "token": token(name), "roles": ["edge"]} for name in self.names
            ],
        }
        origin = self._role("origin", "origin", settings)
        await asyncio.to_thread(ensure_database, self.folder / "geoip.mmdb")
        self.control_urls = [f"http://127.0.0.1:{port}" for port in free_ports(controls)]
        self.controls = [
            self._role(f"control-{number}", "control", self.control_settings(number))
            for number in range(controls)
        ]
        await asyncio.gather(*(role.start() for role in (origin, *self.controls)))

    async def restart_control(self, **changes: Any) -> None:
        """Starts the first control plane anew, with other credentials."""
        await self.controls[0].kill()
        config = self.folder / "control-0" / "control.toml"
        config.write_text(tomli_w.dumps(self.control_settings(0, **changes)))
        await self.controls[0].start()

    def add_edge(self, edge_id: str, folder: str | None = None) -> Edge:
        """An edge that does not run yet, in the region that is in its name."""
        port, admin = free_ports(2)
        region = edge_id.partition("-")[0]
        url = f"http://127.0.0.1:{port}"
        # Every other edge asks another control plane first.
        turn = len(self.edges) % len(self.control_urls)
        first, *others = self.control_urls[turn:] + self.control_urls[:turn]
        name = folder or edge_id
        cache = self.folder / name / "cache"
        settings = {
            "edge_id": edge_id,
            "region": region,
            "url": url,
            "listen": {"port": port},
            "admin": {"port": admin},
            "cache_folder": str(cache),
            "origin": {"url": self.origin_url, "token": token(edge_id)},
            "control": {"url": first, "token": token(edge_id)},
            "control_fallbacks": others,
            "credentials": [
                {"name": "operator", "token": token("operator"), "roles": ["operator"]}
            ],
            "memory": "16MiB",
            "disk": "4GiB",
            "drain_seconds": 2.0,
        }
        role = self._role(name, "edge", settings)
        made = Edge(edge_id, region, role, cache, url, f"http://127.0.0.1:{admin}")
        if folder is None:
            self.edges[edge_id] = made
        return made

    async def end(self) -> None:
        """Ends everything as a crash would."""
        await asyncio.gather(*(role.kill() for role in self.roles))
        for cache in sorted(self.folder.glob("*/cache")):
            await asyncio.to_thread(tidy, cache)

    # What ingest, viewers and operators say.

    async def put(
        self, asset: str, *, segments: int = 4, size: int = 10_000
    ) -> PackageAnnouncement:
        """Puts a package with so many segments of ``size`` bytes into the origin."""
        prefix = version_prefix(asset, "1")
        bodies = {f"{prefix}main.m3u8": b"#EXTM3U\n"}
        for number in range(segments):
            key = f"{prefix}{number:05}.m4s"
            bodies[key] = (key.encode() * (size // len(key) + 1))[:size]
        listed = [await self._put(key, body) for key, body in bodies.items()]
        manifest = encode(PackageManifest(asset, "1", f"{prefix}main.m3u8", None, tuple(listed)))
        await self._put(manifest_key(asset, "1"), manifest)
        return announcement(
            asset,
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            object_count=len(listed),
            bytes=sum(each.size for each in listed),
        )

    async def _put(self, key: str, body: bytes) -> ManifestObject:
        async def pieces() -> AsyncIterator[bytes]:
            yield body

        digest = hashlib.sha256(body).hexdigest()
        await self.store.put(key, pieces(), content_type="video/mp4", sha256=digest)
        return ManifestObject(key, len(body), digest, "video/mp4")

    async def announce(self, told: PackageAnnouncement) -> None:
        """Publishes a package that lies in the origin."""
        url = f"{self.url}/v1/packages"
        async with self.session.post(url, data=encode(told), headers=bearer("ingest")) as answer:
            assert answer.status == 201, await answer.text()

    async def sent_to(self, asset: str, client: str, control: int = 0) -> str | None:
        """Which edge a viewer at an address is sent to; None where there is no edge left."""
        url = f"{self.control_urls[control]}/play/{asset}"
        headers = {"X-Forwarded-For": client}
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) > 0
                return None
            assert answer.status == 302, await answer.text()
            base = answer.headers["Location"].partition("/v/")[0]
        return next(edge.edge_id for edge in self.edges.values() if edge.url == base)

    async def taking(self, region: str, assets: Sequence[str]) -> set[str | None]:
        """Which edges viewers of a region are sent to, many of them; None is none."""
        clients = [f"{CLIENTS[region]}.{number}" for number in range(1, 250, 25)]
        return {await self.sent_to(asset, client) for asset in assets for client in clients}

    async def views(self, control: int = 0) -> dict[str, EdgeView]:
        """How the edges are."""
        url = f"{self.control_urls[control]}/v1/edges"
        async with self.session.get(url, headers=bearer("operator")) as answer:
            assert answer.status == 200, await answer.text()
            told = decode(await answer.read(), tuple[EdgeView, ...])
        return {edge.edge_id: edge for edge in told}

    async def status(self, url: str, **headers: str) -> int:
        """What a request for ``url`` comes to, with all of its content read."""
        async with self.session.get(url, headers=headers) as answer:
            await answer.read()
            return answer.status

    async def readiness(self, edge: Edge) -> dict[str, str]:
        """Why an edge is not ready; nothing when it is."""
        async with self.session.get(f"{edge.admin}/readyz") as answer:
            return dict((await answer.json())["reasons"])


async def until(check: Callable[[], Awaitable[T | None]], within: float = WITHIN) -> T:
    """What ``check`` answers, once that is true."""
    async with asyncio.timeout(within):
        while not (told := await check()):  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.05)
    return told


def tidy(cache: Path) -> None:
    """Takes away what the next start of an edge would: there is none."""
    claim = Claim(cache)
    claim.runtime()
    claim.release()


@contextlib.asynccontextmanager
async def fleet(
    folder: Path,
    edges: Sequence[str],
    *,
    later: Sequence[str] = (),
    controls: int = 1,
    **besides: Any,
) -> AsyncIterator[Fleet]:
    """A fleet that runs, its control planes with settings ``besides``; edges ``later`` have
    credentials, but nobody has started them."""
    store = StoreSettings(folder=folder / "objects")
    besides = {"database": {"sqlite": str(folder / "control.sqlite")}, **besides}
    async with aiohttp.ClientSession() as session, open_store(store) as opened:
        made = Fleet(folder, session, opened, (*edges, *later), besides)
        try:
            await made.start_services(controls)
            for name in edges:
                made.add_edge(name)
            await asyncio.gather(*(edge.role.start() for edge in made.edges.values()))
            yield made
        finally:
            await made.end()
