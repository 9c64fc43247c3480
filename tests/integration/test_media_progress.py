"""Progress as it is told while a package is made: it never goes back, and is whole at the end."""

import re
import subprocess
import sys
from collections import defaultdict
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from ingest.inspect import InspectionLimits, MediaLimits
from ingest.inspect.probe import inspect
from ingest.plan import PlanSettings, plan
from ingest.transcode import encodes
from ingest.transcode.command import Command
from ingest.transcode.pictures import make_pictures
from ingest.transcode.runner import run
from ingest.transcode.settings import Preset, TranscodeSettings
from tests.integration.ingest_service import make_clip

PLAN = PlanSettings(segment_seconds=2.0, chunk_seconds=4.0, transport_stream=True)
ENCODING = TranscodeSettings(preset=Preset.ULTRAFAST, threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=12)


def test_the_progress_of_every_stage_only_rises(clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy", "transcode", str(clip), "--jobs", "2"]
    command += ["--out", str(tmp_path / "package"), "--preset", "ultrafast"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)

    told: dict[str, list[int]] = defaultdict(list)
    for stage, percent in re.findall(r"^(\w+): (\d+)%", done.stdout, re.MULTILINE):
        told[stage].append(int(percent))
    assert {"Encode", "Sound", "Pictures"} <= set(told)
    for percents in told.values():
        assert percents == sorted(set(percents)), told
        assert percents[-1] == 100


async def test_a_task_is_not_whole_before_its_last_command_is(clip: Path, tmp_path: Path) -> None:
    planned = plan(await inspect(clip, InspectionLimits(), MediaLimits()), PLAN, short=False)
    reached: list[float] = [0.0]
    begun: list[float] = []

    async def one(command: Command) -> None:
        before = reached[-1]
        begun.append(before)
        await run(
            command,
            stall_timeout=60,
            on_progress=lambda now: reached.append(command.reached(before, now.fraction)),
        )

    sound = partial(encodes.encode_track, one, planned, planned.audio[0])
    video = partial(encodes.encode_chunk, one, planned, planned.groups[0], planned.chunks[0])
    for name, make in (
        ("sound", sound),
        ("video", video),
        ("pictures", partial(make_pictures, one, planned)),
    ):
        reached[:], begun[:] = [0.0], []
        await make(clip, tmp_path / name, ENCODING)
        assert len(begun) > 1
        assert all(before < after for before, after in pairwise([*begun, 1.0]))
        assert all(before <= after for before, after in pairwise(reached))
        assert reached[-1] == pytest.approx(1.0)
