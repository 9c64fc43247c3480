"""The whole main job as on many machines: roles of their own over MongoDB, Redis and S3."""

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import boto3
import m3u8
import pytest
import tomli_w
import trustme
from botocore.config import Config
from imageio_ffmpeg import get_ffmpeg_exe

from tests.e2e.system import until
from tests.servers.databases import Server
from tests.servers.processes import free_ports, running
from tests.servers.s3 import S3Server

TOKENS = {name: f"{name}-token-for-tests" for name in ("operator", "ingest", "control", "eu", "us")}
REGIONS = {"eu": (50.11, 8.68), "us": (39.04, -77.49)}


class Machines:
    """Where each role answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ["origin", "ingest", "control", "worker-1", "worker-2"]
        names += ["eu", "eu-admin", "us", "us-admin"]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))

    def url(self, name: str) -> str:
        return f"https://127.0.0.1:{self.ports[name]}"


@pytest.fixture(scope="module")
def machines(
    tmp_path_factory: pytest.TempPathFactory,
    authority: trustme.CA,
    mongodb_server: Server,
    redis_server: Server,
    s3_server: S3Server,
) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    here = Machines(folder)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    make_bucket(s3_server, "nearcast")
    with contextlib.ExitStack() as stack:
        for name, (role, settings) in documents(
            here, mongodb_server.url, redis_server.url, s3_server
        ).items():
            config = folder / f"{name}.toml"
            config.write_text(tomli_w.dumps(settings))
            command = [sys.executable, "-m", "deploy", role, "--config", str(config)]
            log = folder / f"{name}.log"
            stack.enter_context(running(command, log=log, ports=[here.ports[name]]))
        yield here


def make_bucket(server: S3Server, name: str) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    with contextlib.closing(client):
        client.create_bucket(Bucket=name)


def documents(
    here: Machines, mongodb: str, redis: str, s3: S3Server
) -> dict[str, tuple[str, dict[str, Any]]]:
    """The settings of every role, as an operator would write them."""

    def listen(name: str) -> dict[str, Any]:
        return {"port": here.ports[name], "certificate": "server.pem"}

    def credential(name: str, role: str) -> dict[str, Any]:
        return {"name": name, "token": TOKENS[name], "roles": [role]}

    operator = credential("operator", "operator")
    edges = [credential(name, "edge") for name in REGIONS]
    store = {
        "s3": {
            "endpoint": s3.endpoint,
            "bucket": "nearcast",
            "region": s3.region,
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
        }
    }
    work = {
        "ca": "ca.pem",
        "store": store,
        "database": {"mongodb": mongodb, "name": "machines_ingest"},
        "broker": {"redis": redis},
        "control": {"url": here.url("control"), "token": TOKENS["ingest"]},
        "encoding": {"preset": "ultrafast"},
        "plan": {"segment_seconds": 2.0, "chunk_seconds": 4.0},
    }
    regions = [
        {"name": name, "title": name, "latitude": place[0], "longitude": place[1]}
        for name, place in REGIONS.items()
    ]
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "origin": (
            "origin",
            {"listen": listen("origin"), "store": store, "credentials": [operator, *edges]},
        ),
        "control": (
            "control",
            {
                "listen": listen("control"),
                "ca": "ca.pem",
                "database": {"mongodb": mongodb, "name": "machines_control"},
                "regions": regions,
                "credentials": [operator, credential("ingest", "ingest"), *edges],
                "ingest": {"url": here.url("ingest"), "token": TOKENS["control"]},
            },
        ),
        "ingest": (
            "ingest",
            {
                **work,
                "listen": listen("ingest"),
                "work_folder": "work-ingest",
                "credentials": [operator, credential("control", "control")],
            },
        ),
    }
    for name in ("worker-1", "worker-2"):
        found[name] = ("worker", {**work, "listen": listen(name), "work_folder": f"work-{name}"})
    for name in REGIONS:
        found[name] = (
            "edge",
            {
                "edge_id": name,
                "region": name,
                "url": here.url(name),
                "listen": listen(name),
                "admin": listen(f"{name}-admin"),
                "ca": "ca.pem",
                "cache_folder": f"cache-{name}",
                "origin": {"url": here.url("origin"), "token": TOKENS[name]},
                "control": {"url": here.url("control"), "token": TOKENS[name]},
            },
        )
    return found


@pytest.fixture
async def session(machines: Machines) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=str(machines.folder / "ca.pem"))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        headers={"Authorization": f"Bearer {TOKENS['operator']}"},
    ) as opened:
        yield opened


def clip(path: Path) -> bytes:
    source = "testsrc2=size=320x180:rate=25:duration=10"
    sound = "sine=frequency=440:duration=10"
    command = [get_ffmpeg_exe(), "-v", "error"]
    command += ["-f", "lavfi", "-i", source, "-f", "lavfi", "-i", sound, "-shortest", str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


async def test_an_upload_reaches_viewers_through_real_servers(
    machines: Machines, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    body = await asyncio.to_thread(clip, tmp_path / "clip.mp4")
    url = f"{machines.url('ingest')}/v1/videos?title=Machines"
    async with session.put(url, data=body) as response:
        assert response.status == 201
        job = await response.json()
        assert response.headers["Location"] == f"/v1/jobs/{job['job_id']}"

    states = await followed(machines, session, job["job_id"])
    assert states[-1] == "done"

    async def placed() -> bool:
        url = f"{machines.url('control')}/v1/assets/{job['asset_id']}"
        async with session.get(url) as response:
            return bool((await response.json())["state"] == "placed")

    await until(placed, within=30)
    entry = f"{machines.url('control')}/play/{job['asset_id']}"
    async with session.get(entry) as response:
        # No GeoIP database: the first region of the operator.
        assert str(response.url).startswith(machines.url("eu"))
        assert response.headers["Cache-Status"].startswith("nearcast-eu; hit")
        multivariant = m3u8.loads(await response.text(), uri=str(response.url))
    assert len(multivariant.playlists) >= 3
    await decodes(str(multivariant.playlists[0].absolute_uri), machines.folder / "ca.pem")


async def followed(machines: Machines, session: aiohttp.ClientSession, job_id: str) -> list[str]:
    """The states that the server-sent events of a job tell, to their end."""
    url = f"{machines.url('ingest')}/v1/jobs/{job_id}/events"
    async with asyncio.timeout(60), session.get(url) as response:
        assert response.content_type == "text/event-stream"
        return [
            json.loads(line.removeprefix(b"data: "))["state"]
            async for line in response.content
            if line.startswith(b"data: ")
        ]


async def decodes(url: str, ca: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [
            get_ffmpeg_exe(),
            *("-nostdin", "-v", "warning", "-ca_file", str(ca), "-i", url),
            *("-f", "null", "-progress", "pipe:1", "-nostats", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"SSL_CERT_FILE": str(ca)},
    )
    assert done.stderr == ""
    assert "frame=250\n" in done.stdout


async def test_both_workers_are_ready(machines: Machines, session: aiohttp.ClientSession) -> None:
    for name in ("worker-1", "worker-2"):
        async with session.get(f"{machines.url(name)}/readyz") as response:
            assert response.status == 200


async def test_nothing_is_kept_in_sqlite(machines: Machines) -> None:
    found = [path for path in machines.folder.rglob("*") if path.suffix in {".sqlite", ".db"}]

    assert found == []
