"""Origin, control plane and edges as processes, over HTTPS, each edge at an address of its own."""

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import tomli_w
import trustme

from common.messages import ManifestObject, PackageManifest, encode
from common.messages.packages import manifest_key, version_prefix
from ingest.package import content_type, package
from ingest.plan import PlanSettings
from ingest.standalone import Made
from origin.store import ObjectStore, StoreSettings, open_store
from tests.faults.fleet import bearer, regions, tidy, token
from tests.integration.test_edge_workers import children
from tests.long.players.packages import PACKAGES, made, parts_of
from tests.servers.parts import FOOTAGE, installed
from tests.servers.processes import free_ports, stop
from tests.unit.control_plane.records import announcement
from tests.unit.ingest.clips import FOLDER, ffmpeg

EDGES = {"eu-1": "127.0.0.11", "eu-2": "127.0.0.12", "us-1": "127.0.0.13"}
"""Each at an address of its own and all at one port, as clones have another host and no port."""
KEY = {"key_id": "2026-11", "secret": "a secret of characters enough for a key"}
START_WITHIN = 60.0
SECONDS = 60
TTL = 4


@functools.cache
def long_film() -> Path:
    """Real footage over and over, for a minute."""
    footage = installed(FOOTAGE) / "bigbuckbunny.mp4"
    ffmpeg(
        *("-stream_loop", "20", "-i", str(footage), "-t", str(SECONDS)),
        *("-vf", "fps=25,scale=320:180", "-c:v", "libx264", "-preset", "ultrafast"),
        *("-c:a", "aac", "long.mp4"),
    )
    return FOLDER / "long.mp4"


@functools.cache
def long_package() -> Made:
    """The long film in H.264, in ``long``."""
    return made(long_film(), "long", PlanSettings(segment_seconds=2, first_seconds=None))


def _steer(done: Made, steering: str) -> Path:
    """Has the long film's playlists say that players are steered by ``steering``."""
    folder = PACKAGES / "long"
    names = [one.name for one in done.plan.video]
    names += [one.name for track in done.plan.audio for one in track.renditions]
    parts = {name: parts_of(folder / name) for name in names}
    for playlist in package(done.plan, parts, title="Film", steering=steering).playlists:
        (folder / playlist.key).write_text(playlist.text)
    return folder


@dataclass
class Steered:
    """What runs, and what is done to it."""

    folder: Path
    port: int
    """Of every edge."""
    control: str
    session: aiohttp.ClientSession
    tokens: str | None = None
    """What the tokens are bound to that edges ask for; None for no tokens."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def play(self) -> str:
        return f"{self.control}/play/film"

    def start(self, name: str, role: str, settings: dict[str, Any], host: str, port: int) -> None:
        """Starts a role, and waits until it answers."""
        home = self.folder / name
        home.mkdir()
        listen = {
            "host": host,
            "port": port,
            "certificate": str(self.folder / "server.pem"),
            "key": str(self.folder / "server.key"),
        }
        config = home / "settings.toml"
        config.write_text(tomli_w.dumps({"listen": listen, **settings}))
        with (home / "log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "deploy", role, "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
                return
            time.sleep(0.05)
        raise RuntimeError((home / "log").read_text()[-2000:])

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to an edge and to its worker processes."""
        process = self.processes[name]
        for pid in (process.pid, *children(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def asked(self, name: str) -> list[str]:
        """What browsers have asked an edge for."""
        log = (self.folder / name / "access.log").read_text()
        lines = [json.loads(line) for line in log.splitlines()]
        # Others ask too: those who look whether it is well.
        return [line["target"] for line in lines if "Chrome" in (line["user_agent"] or "")]

    async def order(self, edge: str, standing: str) -> None:
        """What an operator orders of an edge."""
        url, body = (
            f"{self.control}/v1/edges/{edge}/standing",
            {"standing": standing, "reason": "-"},
        )
        async with self.session.put(url, json=body, headers=bearer("operator")) as answer:
            assert answer.status < 300, await answer.text()

    async def until_held(self) -> None:
        """Waits until every edge holds the film."""
        async with asyncio.timeout(START_WITHIN):
            while True:
                async with self.session.get(
                    f"{self.control}/v1/edges", headers=bearer("operator")
                ) as answer:
                    edges = await answer.json()
                if len(edges) == len(EDGES) and all(
                    edge["packages_held"] == 1 and edge["state"] == "up" and edge["share"] == 1
                    for edge in edges
                ):
                    return
                await asyncio.sleep(0.1)


def certify(folder: Path) -> None:
    """An authority, and a certificate of it for all that runs."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", *EDGES.values())
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))


@contextlib.asynccontextmanager
async def steered(folder: Path, done: Made, tokens: str | None = None) -> AsyncIterator[Steered]:
    """The system with the long film on every edge; ``tokens`` as ``Steered`` has it."""
    certify(folder)
    origin, control, port = free_ports(3)
    steering = f"https://127.0.0.1:{control}/steer/film"
    film = await asyncio.to_thread(_steer, done, steering)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    connector = aiohttp.TCPConnector(ssl=context)
    store = StoreSettings(folder=folder / "objects")
    async with aiohttp.ClientSession(connector=connector) as session, open_store(store) as opened:
        told = await _published(opened, film)
        made = Steered(folder, port, f"https://127.0.0.1:{control}", session, tokens)
        try:
            await asyncio.to_thread(_start, made, origin, control)
            url = f"{made.control}/v1/packages"
            async with session.post(url, data=encode(told), headers=bearer("ingest")) as answer:
                assert answer.status == 201, await answer.text()
            await made.until_held()
            yield made
        finally:
            for name in reversed(made.processes):
                made.signal(name, signal.SIGCONT)
                await asyncio.to_thread(stop, made.processes[name])
            for name in EDGES:
                await asyncio.to_thread(tidy, folder / name / "cache")


def _start(made: Steered, origin: int, control: int) -> None:
    ca = str(made.folder / "ca.pem")
    edges = [{"name": name, "token": token(name), "roles": ["edge"]} for name in EDGES]
    made.start(
        "origin",
        "origin",
        {"store": {"folder": str(made.folder / "objects")}, "credentials": edges},
        "127.0.0.1",
        origin,
    )
    others = [
        {"name": name, "token": token(name), "roles": [name]} for name in ("operator", "ingest")
    ]
    made.start(
        "control",
        "control",
        {
            "ca": ca,
            "database": {"sqlite": str(made.folder / "control.sqlite")},
            "regions": regions(),
            "credentials": [*others, *edges],
            "steering": {"ttl": TTL},
            **({"tokens": {"keys": [KEY], "bind": made.tokens}} if made.tokens else {}),
        },
        "127.0.0.1",
        control,
    )
    admins = free_ports(len(EDGES))
    for (name, host), admin in zip(EDGES.items(), admins, strict=True):
        settings = {
            "edge_id": name,
            "region": name.partition("-")[0],
            "url": f"https://{host}:{made.port}",
            "admin": {"port": admin},
            "ca": ca,
            "cache_folder": str(made.folder / name / "cache"),
            "origin": {"url": f"https://127.0.0.1:{origin}", "token": token(name)},
            "control": {"url": made.control, "token": token(name)},
            "memory": "64MiB",
            "disk": "1GiB",
            "drain_seconds": 1.0,
            "access_log": {"file": str(made.folder / name / "access.log")},
            **({"token_keys": [KEY]} if made.tokens else {}),
        }
        made.start(name, "edge", settings, host, made.port)


async def _published(store: ObjectStore, film: Path) -> Any:
    """Puts the film into the origin; what is announced of it."""
    prefix = version_prefix("film", "1")
    listed = []
    for path in sorted(path for path in film.rglob("*") if path.is_file()):
        key = f"{prefix}{path.relative_to(film)}"
        listed.append(await _put(store, key, path.read_bytes()))
    manifest = encode(PackageManifest("film", "1", f"{prefix}main.m3u8", None, tuple(listed)))
    await _put(store, manifest_key("film", "1"), manifest)
    return announcement(
        "film",
        entry=f"{prefix}main.m3u8",
        manifest_key=manifest_key("film", "1"),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        object_count=len(listed),
        bytes=sum(each.size for each in listed),
        duration=float(SECONDS),
    )


async def _put(store: ObjectStore, key: str, body: bytes) -> ManifestObject:
    async def pieces() -> AsyncIterator[bytes]:
        yield body

    digest, kind = hashlib.sha256(body).hexdigest(), content_type(key)
    await store.put(key, pieces(), content_type=kind, sha256=digest)
    return ManifestObject(key, len(body), digest, kind)
