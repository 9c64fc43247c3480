"""First versions whose services die at every step, or whose jobs fail; leases make it last."""

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.integration.ingest_service import ControlEar, Service, make_clip, running
from tests.integration.test_ingest_first_version import (
    listed,
    published_first,
    service,
    tasks_of,
)


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return make_clip(tmp_path / "clip.mp4", seconds=4, size="640x360").read_bytes()


@pytest.fixture
def noise(tmp_path: Path) -> bytes:
    """Four seconds that take all the bits that they are given."""
    path = tmp_path / "noise.mp4"
    source = "testsrc2=s=1280x720:r=25:d=4,noise=alls=50:allf=t"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
    command += ["-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


@pytest.fixture
def ear() -> Iterator[ControlEar]:
    with contextlib.closing(ControlEar()) as heard:
        yield heard


def is_there(one: Service, job_id: str, name: str) -> bool:
    return name in dict(tasks_of(one, job_id))


def test_kill_9_while_either_version_is_packaged_or_published_loses_and_repeats_nothing(
    tmp_path: Path, ear: ControlEar, clip: bytes
) -> None:
    # So slow that all of the first version is made again before the rest of the video is.
    with running(service(tmp_path, ear, hevc_preset="veryslow")) as one:
        job_id = one.upload(clip).json["job_id"]
        for name in ("package-first", "publish-first", "package", "publish", "clean"):
            one.until(partial(is_there, one, job_id, name), f"{name} is there")
            one.kill()
            one.start()
        assert one.finished(job_id)["state"] == "done"
        # Told again, perhaps, but never of another package.
        told = {each["version"]: each for each in ear.heard}
        assert all(told[each["version"]] == each for each in ear.heard)
        assert len(told) == 2
        assert set(one.objects()) == set().union(*(listed(one, each) for each in told.values()))
        for each in told.values():
            manifest = (one.folder / "objects" / each["manifest_key"]).read_bytes()
            assert hashlib.sha256(manifest).hexdigest() == each["manifest_sha256"]
            for item in json.loads(manifest)["objects"]:
                body = (one.folder / "objects" / item["key"]).read_bytes()
                assert hashlib.sha256(body).hexdigest() == item["sha256"]


def test_of_a_job_that_fails_now_the_first_version_stays(
    tmp_path: Path, ear: ControlEar, noise: bytes
) -> None:
    # A limit that the better pictures reach and the first ones do not.
    limits = {"constant_rate_factor": 10, "max_file": 1_400_000}
    with running(service(tmp_path, ear, **limits)) as one:
        job = published_first(one, noise)
        ended = one.finished(job["job_id"])
        assert (ended["state"], ended["playable"]) == ("failed", True)
        [first] = ear.heard
        assert ear.withdrawn == []
        assert set(one.objects()) == listed(one, first)
