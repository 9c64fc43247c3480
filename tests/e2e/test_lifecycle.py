"""``nearcast up`` from its first line to its last, and again."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.system import (
    NEARCAST,
    REGION_CLIENTS,
    System,
    free_port_base,
    running,
    until,
)


def up(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs ``nearcast up`` to its end."""
    return subprocess.run(
        [str(NEARCAST), "up", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_ready_line_tells_where_everything_is(system: System) -> None:
    ready = system.ready

    assert ready["play"] == f"{ready['control']}/play/{ready['asset']}"
    assert {name: edge["region"] for name, edge in ready["edges"].items()} == {
        "eu-1": "eu",
        "eu-2": "eu",
        "us-1": "us",
        "ap-1": "ap",
        "sa-1": "sa",
    }
    urls = [ready["control"], ready["ingest"], ready["origin"]]
    urls += [edge[port] for edge in ready["edges"].values() for port in ("url", "admin")]
    assert len(set(urls)) == 13
    assert all(url.startswith("https://") for url in urls)


def test_progress_is_told_in_plain_lines(system: System) -> None:
    for stage in ("Inspect", "Encode", "Package", "Publish"):
        assert f"{stage}: 100%" in system.lines
    for region in ("eu", "us", "ap", "sa"):
        assert any(line.startswith(f"Fill {region}: 100%") for line in system.lines)


def test_the_process_ids_are_those_of_the_edges(system: System) -> None:
    children = system.children()

    for name, edge in system.ready["edges"].items():
        assert children[name] == edge["pid"]


async def test_one_token_opens_every_api(system: System) -> None:
    ready = system.ready
    async with system.operator() as session:
        for url in (
            f"{ready['control']}/v1/assets",
            f"{ready['control']}/v1/edges",
            f"{ready['ingest']}/v1/jobs",
            f"{ready['edges']['eu-1']['admin']}/v1/holdings",
        ):
            async with session.get(url) as response:
                assert response.status == 200, url


async def test_without_the_token_no_api_opens(system: System) -> None:
    ready = system.ready
    async with system.client() as session:
        for url in (
            f"{ready['control']}/v1/assets",
            f"{ready['ingest']}/v1/jobs",
            f"{ready['origin']}/v/a/b/manifest.json",
            f"{ready['edges']['eu-1']['admin']}/v1/holdings",
        ):
            async with session.get(url) as response:
                assert response.status == 401, url
                assert response.content_type == "application/problem+json"


async def test_the_page_shows_regions_edges_assets_and_jobs(system: System) -> None:
    async with system.client() as session, session.get(f"{system.ready['control']}/") as response:
        page = await response.text()

    for text in ("Asia-Pacific", "eu-1", "sa-1", "Nearcast sample", system.ready["asset"], "done"):
        assert text in page
    sites = set(re.findall(r"""(?:src|href|action)=["']?(https?://[^/"' >]+)""", page))
    assert all(ip_address(urlsplit(site).hostname or "").is_loopback for site in sites)


async def test_every_region_gets_its_own_edges(system: System) -> None:
    for region, client in REGION_CLIENTS.items():
        route = await system.route(client)

        assert route["edges"][0]["region"] == region
        assert [edge["rank"] for edge in route["edges"]] == [1, 2, 3, 4, 5]
        assert all(edge["reason"] for edge in route["edges"])


async def test_every_role_that_is_killed_is_started_again(system: System) -> None:
    before = system.children()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    async def all_are_back() -> bool:
        now = await asyncio.to_thread(system.children)
        if now.keys() != before.keys() or set(now.values()) & set(before.values()):
            return False
        places = [system.ready[role] for role in ("origin", "ingest", "control")]
        places += [edge["admin"] for edge in system.ready["edges"].values()]
        return all([await is_ready(system, place) for place in places])

    await until(all_are_back, within=30)
    now = system.children()
    for name, edge in system.ready["edges"].items():
        edge["pid"] = now[name]

    async def routes_home() -> bool:
        return [await region_for(system, each) for each in REGION_CLIENTS] == list(REGION_CLIENTS)

    await until(routes_home, within=20)


async def is_ready(system: System, place: str) -> bool:
    with contextlib.suppress(OSError):
        async with system.client() as session, session.get(f"{place}/readyz") as response:
            return bool(response.status == 200)
    return False


async def region_for(system: System, region: str) -> str | None:
    """The region of the best edge for a client in ``region``."""
    with contextlib.suppress(OSError, AssertionError):
        route = await system.route(REGION_CLIENTS[region])
        return str(route["edges"][0]["region"]) if route["edges"] else None
    return None


def test_ctrl_c_ends_all_and_the_next_run_finds_everything(tmp_path: Path) -> None:
    home, base = tmp_path / "home", free_port_base()
    clip = tmp_path / "clip.mp4"
    make_clip(clip)
    with running(home, "--video", str(clip), port_base=base) as first:
        children = first.children()
        seconds = first.interrupt()
        assert first.process.returncode == 0
    assert seconds < 5
    assert len(children) == 8
    assert not [pid for pid in children.values() if Path(f"/proc/{pid}").exists()]
    objects = {path: path.stat().st_mtime_ns for path in (home / "data" / "objects").rglob("*")}

    with running(home, "--video", str(clip), port_base=base) as second:
        assert second.ready["asset"] == first.ready["asset"]
        assert second.ready["token"] == first.ready["token"]
        assert second.seconds < first.seconds
        jobs = asyncio.run(second.listed("jobs"))

    assert len(jobs) == 1
    files = (home / "data" / "objects").rglob("*")
    assert {path: path.stat().st_mtime_ns for path in files} == objects


def make_clip(path: Path) -> None:
    """A clip of 3 s, quick to encode."""
    from imageio_ffmpeg import get_ffmpeg_exe

    source = "testsrc2=size=320x180:rate=24:duration=3"
    subprocess.run(
        [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-y", str(path)], check=True
    )


def test_no_sample_starts_without_an_asset_and_upload_brings_one(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    make_clip(clip)
    with running(tmp_path / "home", "--no-sample") as system:
        assert system.ready["asset"] is None
        assert system.ready["play"] is None
        command = [str(NEARCAST), "upload", str(clip), "--wait", "--home", str(system.home)]
        done = subprocess.run(
            [*command, "--title", "A clip"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        asset = done.stdout.split("Published: asset ")[1].strip().rstrip(".")

        async def playable() -> bool:
            return bool((await system.route("192.0.2.1", asset))["edges"][0]["region"] == "eu")

        asyncio.run(until(playable))

        text = tmp_path / "text.mp4"
        text.write_text("no video")
        command[2] = str(text)
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert refused.stderr.startswith("Error: The video could not be published: ")
        assert "Traceback" not in refused.stderr


def test_a_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    base = free_port_base()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 2))
        taken.listen()
        done = up("--home", str(tmp_path / "home"), "--port-base", str(base))

    assert done.returncode == 1
    assert done.stderr == (
        f"Error: Port {base + 2} on 127.0.0.1 is taken by another program: "
        "choose another, or stop that program.\n"
    )


def test_a_home_in_use_is_told_in_one_sentence(system: System) -> None:
    done = up("--home", str(system.home), "--port-base", str(free_port_base()))

    assert done.returncode == 1
    assert done.stderr.startswith("Error: Another `nearcast up` runs on ")


@pytest.mark.parametrize("role", ["origin", "ingest", "worker", "control", "edge"])
def test_every_role_prints_an_example_of_its_settings(role: str) -> None:
    done = subprocess.run(
        [str(NEARCAST), "config", role], capture_output=True, text=True, timeout=30, check=True
    )

    assert f"nearcast {role} --config FILE" in done.stdout
    assert "log_level" in done.stdout
