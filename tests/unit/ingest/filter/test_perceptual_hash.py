"""Real footage is recognised whatever is done to it, and other footage is not."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest.filter import Decision, Verdict
from ingest.filter.hashing import FileHashes, hashes_of
from ingest.inspect.errors import FileNotVideo
from tests.unit.ingest.clips import FOLDER, clip, ffmpeg
from tests.unit.ingest.filter.subjects import entry, subject_of, verdict_of

LOGO = "drawbox=x=iw*0.8:y=ih*0.05:w=iw*0.15:h=ih*0.1:color=white@0.8:t=fill"
SLIGHT_CROP = "crop=iw*0.97:ih*0.97"

CHANGES = {
    "as it is": ("-c", "copy"),
    "recompressed": ("-crf", "40"),
    "scaled": ("-vf", "scale=320:180", "-crf", "30"),
    "squeezed": ("-vf", "scale=640:640", "-crf", "30"),
    "another codec": ("-c:v", "libx265", "-crf", "34", "-x265-params", "log-level=none"),
    "with a logo": ("-vf", LOGO, "-crf", "28"),
    "brighter": ("-vf", "eq=brightness=0.08:contrast=1.1"),
    "without colour": ("-vf", "hue=s=0"),
    "another frame rate": ("-r", "15"),
}


@pytest.fixture(scope="module")
def bunny_list(footage: Path) -> Path:
    """A block list of bigbuckbunny.mp4, as the command makes it, among other hashes."""
    command = (sys.executable, "-m", "deploy", "filter", "hash")
    made = subprocess.run(
        [*command, str(footage / "bigbuckbunny.mp4")], capture_output=True, text=True, check=True
    )
    others = "".join(f"{number:02x}" * 32 + f" other {number}\n" for number in range(256))
    path = FOLDER / "bunny.txt"
    path.write_text(others + made.stdout + others)
    return path


async def verdict_on(video: Path, folder: Path, listed: Path, **options: Any) -> Verdict:
    chain = entry("perceptual-hash", list=str(listed), **options)
    return await verdict_of(await subject_of(video), folder, chain)


@pytest.mark.parametrize("change", CHANGES)
async def test_footage_on_the_list_is_recognised_whatever_was_done_to_it(
    tmp_path: Path, footage: Path, bunny_list: Path, change: str
) -> None:
    changed = tmp_path / "changed.mp4"
    source = str(footage / "bigbuckbunny.mp4")
    ffmpeg("-i", source, "-preset", "veryfast", "-an", *CHANGES[change], str(changed))

    verdict = await verdict_on(
        changed, tmp_path / "w", bunny_list, block={"frames": 4, "share": 0.6}
    )

    assert (verdict.decision, verdict.failure) == (Decision.BLOCK, None)
    covered = sum((one.end or 0) - (one.start or 0) for one in verdict.evidence)
    assert covered >= 4
    for one in verdict.evidence:
        assert one.score is not None
        assert one.score <= 31
        assert one.reason.startswith("matches block list entry 'bigbuckbunny.mp4 at ")
        assert one.reason.endswith(f" (distance {one.score:g})")


async def test_footage_that_is_slightly_cropped_is_recognised(
    tmp_path: Path, footage: Path, bunny_list: Path
) -> None:
    changed = tmp_path / "changed.mp4"
    source = ("-i", str(footage / "bigbuckbunny.mp4"))
    ffmpeg(*source, "-preset", "veryfast", "-vf", SLIGHT_CROP, "-an", str(changed))

    verdict = await verdict_on(changed, tmp_path / "w", bunny_list)

    assert verdict.decision is Decision.REVIEW
    assert verdict.evidence


@pytest.mark.parametrize("name", ["bikes.mp4", "carphone_pristine.mp4"])
async def test_other_footage_is_not(
    tmp_path: Path, footage: Path, bunny_list: Path, name: str
) -> None:
    verdict = await verdict_on(footage / name, tmp_path, bunny_list, max_distance=64)

    assert (verdict.decision, verdict.evidence, verdict.failure) == (Decision.ALLOW, (), None)


async def test_the_part_that_is_known_is_told_with_its_time(
    tmp_path: Path, footage: Path, bunny_list: Path
) -> None:
    joined = tmp_path / "joined.mkv"
    inputs = [f"{footage}/{name}" for name in ("carphone_pristine.mp4", "bigbuckbunny.mp4")]
    first, second = "trim=duration=4", "trim=duration=3"
    even = "scale=640:360,setsar=1,fps=25,format=yuv420p,setpts=PTS-STARTPTS"
    graph = (
        f"[0:v]{first},{even}[a];[1:v]{second},{even}[b];[0:v]{first},{even}[c];[a][b][c]concat=n=3"
    )
    ffmpeg("-i", inputs[0], "-i", inputs[1], "-filter_complex", graph, "-an", str(joined))

    verdict = await verdict_on(joined, tmp_path / "w", bunny_list)

    [evidence] = verdict.evidence
    assert (evidence.start, evidence.end) == (4.0, 7.0)
    assert verdict.decision is Decision.REVIEW


@pytest.mark.parametrize(
    ("options", "decision"),
    [
        ({}, Decision.REVIEW),
        ({"review": {"frames": 7}}, Decision.ALLOW),
        ({"review": {"frames": 6}}, Decision.REVIEW),
        ({"review": {"frames": 1, "share": 1.0}}, Decision.REVIEW),
        ({"block": {"frames": 7}}, Decision.REVIEW),
        ({"block": {"frames": 6, "share": 1.0}}, Decision.BLOCK),
    ],
)
async def test_how_many_frames_decide_is_set(
    tmp_path: Path,
    footage: Path,
    bunny_list: Path,
    options: dict[str, Any],
    decision: Decision,
) -> None:
    verdict = await verdict_on(footage / "bigbuckbunny.mp4", tmp_path, bunny_list, **options)

    assert verdict.decision is decision


async def test_frames_that_are_too_plain_match_nothing(tmp_path: Path) -> None:
    grey = FOLDER / "grey.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=gray:size=320x180:duration=3", grey.name)
    hashes = await hashes_of(grey)
    listed = tmp_path / "list"
    listed.write_text("".join(f"{frame.pdq.hex()}\n" for frame in hashes.frames))

    plain = await verdict_on(grey, tmp_path / "w", listed)
    counted = await verdict_on(grey, tmp_path / "w", listed, min_quality=0)

    assert [frame.quality for frame in hashes.frames] == [0, 0, 0]
    assert (plain.decision, plain.failure) == (Decision.ALLOW, None)
    assert counted.decision is Decision.REVIEW


async def test_a_malformed_list_is_a_failure(tmp_path: Path, footage: Path) -> None:
    (tmp_path / "list").write_text("ab" * 32 + "\nzz\n")

    verdict = await verdict_on(footage / "carphone_pristine.mp4", tmp_path, tmp_path / "list")

    assert verdict.failure is not None
    assert "line 2 of the block list" in verdict.failure


async def test_what_is_on_the_screen_at_each_second_is_hashed() -> None:
    source = clip("turning.mkv", "-vf", "fps=25", seconds=5, size="320x180", sound=False)
    late = FOLDER / "late.ts"
    ffmpeg("-i", source.name, "-c", "copy", "-output_ts_offset", "77", late.name)

    first, second = await hashes_of(source), await hashes_of(late)

    def seen(hashes: FileHashes) -> list[tuple[float, bytes]]:
        return [(frame.time, frame.pdq) for frame in hashes.frames]

    assert [time for time, _ in seen(first)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert seen(first) == seen(second)
    assert len({pdq for _, pdq in seen(first)}) == 5


def test_the_command_makes_a_block_list(footage: Path, bunny_list: Path) -> None:
    lines = [line for line in bunny_list.read_text().splitlines() if "bigbuckbunny" in line]

    assert lines[0].startswith("# SHA-256 ")
    assert [line.partition(" ")[2] for line in lines[1:]] == [
        f"bigbuckbunny.mp4 at {second} s" for second in range(6)
    ]


async def test_what_is_no_video_has_no_hashes(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")

    with pytest.raises(FileNotVideo):
        await hashes_of(tmp_path / "text")
