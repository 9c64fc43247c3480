"""A scripted origin over real sockets, and a real edge before it, for tests."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from common.messages import (
    CarriedOut,
    DesiredChange,
    DesiredPackage,
    Heartbeat,
    HeartbeatAnswer,
    Holdings,
    HoldingsChange,
    ManifestObject,
    Neighbours,
    OrderedPurge,
    OrderedPurges,
    OrderedRemoval,
    OrderedRemovals,
    Orders,
    PackageManifest,
    PurgeScope,
    decode,
    encode,
)
from common.service import CredentialSettings, ListenSettings, PeerSettings, Role
from common.settings import ByteSize
from edge.app import main
from edge.settings import OriginSettings, Settings
from tests.servers.processes import free_ports

TOKEN = "edge-token-for-tests"
OPERATOR = "operator-token-for-tests"
IMMUTABLE = "public, max-age=31536000, immutable"

Script = Callable[[web.Request], Awaitable[web.StreamResponse]]


def digest_field(body: bytes) -> str:
    """The Repr-Digest of ``body``."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


@dataclass
class Origin:
    """Objects by path, or scripts that answer for them; notes who asked for what."""

    objects: dict[str, bytes] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        script = self.scripts.get(request.path)
        if script is not None:
            return await script(request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        body = self.objects.get(request.path)
        if body is None:
            return web.Response(status=404)
        return web.Response(body=body, headers=self.fields(body))

    @staticmethod
    def fields(body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "video/mp4",
            "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
            "Last-Modified": "Mon, 23 Nov 2026 12:00:00 GMT",
            "Cache-Control": IMMUTABLE,
            "Repr-Digest": digest_field(body),
        }

    def count(self, path: str) -> int:
        return self.asked.count(path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass
class Control:
    """A control plane that says what it is told to say, and notes what it hears."""

    packages: tuple[DesiredPackage, ...] = ()
    edge_id: str = "eu-1"
    revision: int = 1
    status: int = 200
    heartbeats: list[Heartbeat] = field(default_factory=list)
    holdings: Holdings | None = None
    holdings_told: list[Holdings | HoldingsChange] = field(default_factory=list)
    """In the messages that they were told in."""
    removals: OrderedRemovals = field(default_factory=lambda: OrderedRemovals(0, ()))
    carried_out: set[str] = field(default_factory=set)
    purges: tuple[OrderedPurge, ...] = ()
    neighbours: Neighbours = field(default_factory=lambda: Neighbours(0, ()))
    asked: list[dict[str, int]] = field(default_factory=list)
    """What each request for orders knew."""
    scripts: dict[str, Script] = field(default_factory=dict)
    """By the last part of a path: what answers in place of this."""
    port: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.json_response({"detail": "The test refuses it."}, status=self.status)
        name = request.path.rsplit("/", 1)[1]
        if name in self.scripts:
            return await self.scripts[name](request)
        return await self.properly(request)

    async def properly(self, request: web.Request) -> web.StreamResponse:
        """The answer to ``request`` where no script has another."""
        body = await request.read()
        match request.path.rsplit("/", 1)[1]:
            case "heartbeat":
                return web.Response(body=encode(self._hear(decode(body, Heartbeat))))
            case "orders":
                numbers = {name: told for name, told in request.query.items() if name != "run"}
                known = {name: int(told) for name, told in numbers.items()}
                self.asked.append(known)
                ending = asyncio.get_running_loop().time() + known["wait"]
                while self.news(known) == Orders():
                    if asyncio.get_running_loop().time() >= ending:
                        break
                    await asyncio.sleep(0.005)
                return web.Response(body=encode(self.news(known)))
            case "removals":
                self.carried_out |= {*decode(body, CarriedOut).removal_ids}
                return web.Response(status=204)
            case "holdings" if request.method == "POST":
                return self._change(decode(body, HoldingsChange))
            case _:
                self.holdings = decode(body, Holdings)
                self.holdings_told.append(self.holdings)
                return web.Response(status=204)

    def _hear(self, beat: Heartbeat) -> HeartbeatAnswer:
        self.heartbeats.append(beat)
        known = self.holdings.revision if self.holdings else ""
        return HeartbeatAnswer(
            self.revision, known != beat.holdings_revision, self.removals.revision, len(self.purges)
        )

    def news(self, known: dict[str, int]) -> Orders:
        """What an edge does not know yet."""
        whole = DesiredChange(self.edge_id, 0, self.revision, self.packages)
        purges = OrderedPurges(known["purges"], len(self.purges), self.purges[known["purges"] :])
        return Orders(
            desired=whole if known["desired"] != self.revision else None,
            removals=self.removals if known["removals"] != self.removals.revision else None,
            purges=purges if known["purges"] != len(self.purges) else None,
            neighbours=self.neighbours if known["neighbours"] != self.neighbours.revision else None,
        )

    def _change(self, change: HoldingsChange) -> web.Response:
        self.holdings_told.append(change)
        if self.holdings is None or self.holdings.revision != change.since:
            return web.json_response({"detail": "They are others."}, status=409)
        held = {(each.asset_id, each.version): each for each in self.holdings.packages}
        for name in change.dropped:
            held.pop((name.asset_id, name.version), None)
        held.update({(each.asset_id, each.version): each for each in change.packages})
        self.holdings = Holdings(change.edge_id, change.revision, tuple(held.values()))
        return web.Response(status=204)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def remove(self, *removals: OrderedRemoval) -> None:
        self.removals = OrderedRemovals(self.removals.revision + 1 if removals else 0, removals)

    def purge(self, value: str, scope: PurgeScope = PurgeScope.URL, *, soft: bool = False) -> None:
        number = len(self.purges) + 1
        self.purges += (OrderedPurge(number, f"p-{number}", scope, value, soft, 0.0),)

    def want(self, *packages: DesiredPackage) -> None:
        self.packages = packages
        self.revision += 1


def publish(
    origin: Origin, version: str, objects: dict[str, bytes], asset: str = "a"
) -> DesiredPackage:
    """Puts a package into the origin; what placement would say of it."""
    prefix = f"v/{asset}/{version}"
    for name, body in objects.items():
        origin.objects[f"/{prefix}/{name}"] = body
    manifest = PackageManifest(
        asset_id=asset,
        version=version,
        entry=f"{prefix}/main.m3u8",
        poster=None,
        objects=tuple(
            ManifestObject(
                f"{prefix}/{name}", len(body), hashlib.sha256(body).hexdigest(), "video/mp4"
            )
            for name, body in objects.items()
        ),
    )
    stored = encode(manifest)
    origin.objects[f"/{prefix}/manifest.json"] = stored
    return DesiredPackage(
        asset_id=asset,
        version=version,
        manifest_key=f"{prefix}/manifest.json",
        manifest_sha256=hashlib.sha256(stored).hexdigest(),
        bytes=sum(map(len, objects.values())),
    )


@contextlib.asynccontextmanager
async def serving(handler: Script, port: int) -> AsyncIterator[None]:
    """Answers all requests on ``port`` with ``handler``."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


Scripted = TypeVar("Scripted", Origin, Control)


@contextlib.asynccontextmanager
async def scripted(kind: type[Scripted]) -> AsyncIterator[Scripted]:
    """An origin or a control plane that answers as a test tells it to, on a port of its own."""
    (port,) = free_ports(1)
    made = kind(port=port)
    async with serving(made.answer, port):
        yield made


def edge_settings(folder: Path, origin_url: str, **changes: Any) -> Settings:
    """The settings of an edge over plain HTTP on free ports."""
    port, admin = free_ports(2)
    given: dict[str, Any] = {
        "edge_id": "eu-1",
        "region": "eu",
        "url": f"http://127.0.0.1:{port}",
        "cache_folder": folder,
        "listen": ListenSettings(port=port),
        "admin": ListenSettings(port=admin),
        "origin": OriginSettings(url=origin_url, token=TOKEN),
        # Nobody is there: what placement wants is not these tests' concern.
        "control": PeerSettings(url="http://127.0.0.1:1", token=TOKEN),
        "credentials": (
            CredentialSettings(name="operator", token=OPERATOR, roles=(Role.OPERATOR,)),
        ),
        "disk": ByteSize(100 * 1024 * 1024),
        "memory": ByteSize(16 * 1024 * 1024),
        "heartbeat_interval": 0.1,
    }
    return Settings(**{**given, **changes})


def placed(control: Control, *fallbacks: Control) -> Any:
    """The settings of an edge that has a control plane, and others that it asks in its place."""
    return {
        "control": PeerSettings(url=control.url, token=TOKEN),
        "control_fallbacks": tuple(other.url for other in fallbacks),
    }


@contextlib.asynccontextmanager
async def edge(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A running edge, and a viewer's client whose paths are relative to it."""
    stop = asyncio.Event()
    running = asyncio.create_task(main(settings, stop))
    async with aiohttp.ClientSession(settings.url, auto_decompress=False) as viewer:
        try:
            await until_ready(settings, running)
            yield viewer
        finally:
            stop.set()
            await running


def admin_port(settings: Settings) -> int:
    """Where an edge of these tests answers operators."""
    assert settings.admin is not None
    return settings.admin.port


async def until_ready(settings: Settings, running: asyncio.Task[None]) -> None:
    """Waits until the edge listens."""
    async with asyncio.timeout(30):
        while True:
            if running.done():
                await running
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", admin_port(settings))
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


async def until(check: Callable[[], bool], *, within: float = 30.0) -> None:
    """Waits until ``check`` answers true."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - what is awaited happens at a socket's other end
            await asyncio.sleep(0.01)
