"""``kill -9`` of the whole system, at one moment after another; then it is started again."""

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path

import imageio_ffmpeg
import m3u8
import pytest

from tests.e2e.players import decode
from tests.e2e.system import (
    REGION_CLIENTS,
    System,
    free_port_base,
    running,
    started,
    until,
)

FRAMES = 250


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 10 s that takes a while to encode."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i"]
    command += ["testsrc2=size=640x360:rate=25:duration=10,noise=alls=20:allf=t"]
    command += ["-f", "lavfi", "-i", "sine=duration=10", "-preset", "ultrafast", str(path)]
    subprocess.run(command, check=True)
    return path


MOMENTS = {
    "right after the upload": r"Upload: 100%",
    "in the middle of the encode": r"Encode: ([2-9]|\d\d)%",
    "as soon as the encode is done": r"Encode: 100%",
    "when everything runs": r"\{",
}
"""When the system is killed, by a line that it writes at that moment."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_was_killed_goes_on_where_it_was(tmp_path: Path, clip: Path, moment: str) -> None:
    home, base = tmp_path / "home", free_port_base()
    with started(home, "--video", str(clip), port_base=base) as first:
        first.wait_for(MOMENTS[moment])
        roles = first.children()
        first.kill()
        assert asyncio.run(all_are_gone(first)), "no role outlives what started it"
    known = uploaded(home)

    with running(home, "--video", str(clip), port_base=base) as second:
        jobs = asyncio.run(second.listed("jobs"))
        assert [job["state"] for job in jobs if job["job_id"] in known] == ["done"] * len(known)
        assert len(jobs) == 1, "it was uploaded once"
        assert frames(second) == FRAMES
        assert not set(second.children().values()) & set(roles.values())
    assert sorted(half_done(home)) == []


async def all_are_gone(system: System) -> bool:
    async def gone() -> bool:
        return not await asyncio.to_thread(system.children)

    await until(gone, within=5)
    return True


def uploaded(home: Path) -> set[str]:
    """The jobs of what ``nearcast up`` knows to have uploaded."""
    path = home / "uploads.json"
    documents = json.loads(path.read_text()).values() if path.exists() else ()
    return {document["job_id"] for document in documents}


def frames(system: System) -> int:
    """Frames of the best rendition, as a player on an edge gets them."""
    best = asyncio.run(playlists(system))[0]
    complaint, report = decode(imageio_ffmpeg.get_ffmpeg_exe(), best, system.ca)
    assert complaint == ""
    return int(report["frame"])


async def playlists(system: System) -> list[str]:
    """The media playlists of the renditions with a picture, once an edge was heard of again."""
    found: list[str] = []

    async def ask() -> bool:
        with contextlib.suppress(OSError, AssertionError):
            entry = await system.location(REGION_CLIENTS["ap"])
            async with system.client() as session, session.get(entry) as response:
                multivariant = m3u8.loads(await response.text(), uri=entry)
            found.extend(str(item.absolute_uri) for item in multivariant.playlists)
        return bool(found)

    await until(ask)
    return found


def half_done(home: Path) -> list[str]:
    """Files in the store that are neither an object of a manifest nor the facts beside one."""
    objects = home / "data" / "objects"
    files = {path.relative_to(objects) for path in objects.rglob("*") if path.is_file()}
    named = {path for path in files if path.name == "manifest.json"}
    assert named, "something was published"
    for manifest in list(named):
        document = json.loads((objects / manifest).read_text())
        named |= {Path(item["key"]) for item in document["objects"]}
    named |= {path.with_name(f".{path.name}~") for path in named}
    return [str(path) for path in files - named if path.parts[0] == "v"]
