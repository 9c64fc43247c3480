"""Uploads that change on their way or are damaged in places, through the real encoder."""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ingest.inspect.errors import FileDamaged
from ingest.transcode.errors import EncodeFailed
from tests.integration.encoding import Encoded, encode, tags
from tests.integration.scenes import BLUE, GRAY, GREEN, RED, scene
from tests.unit.ingest.clips import FOLDER, ffmpeg

CORNERS = ((0.25, 0.25, RED), (0.75, 0.25, GREEN), (0.25, 0.75, BLUE), (0.75, 0.75, GRAY))

PACKET = 188
"""Bytes of a transport stream's packet."""

HEADER = struct.Struct("<IQ")
"""In front of a frame in an IVF file: its bytes and its time."""

ONSETS = [1.0, 4.0]
"""Seconds at which the flashes of two scenes one after the other begin."""


def joined(name: str, *parts: Path) -> Path:
    (FOLDER / name).write_bytes(b"".join(part.read_bytes() for part in parts))
    return FOLDER / name


def broadcast(name: str, *output: str, start: float = 0, **how: Any) -> Path:
    """Three seconds of a broadcast whose clock begins at ``start``."""
    return scene(name, "-muxdelay", "0", "-output_ts_offset", str(start), *output, **how)


def flashes(encoded: Encoded) -> list[float]:
    """When pictures become bright, in seconds."""
    bright = [float(one.time) for one in encoded.frames() if one.brightness > 200]
    return [time for time in bright if not any(0 < time - other < 0.1 for other in bright)]


def beeps(encoded: Encoded) -> list[float]:
    return [start for start, _ in encoded.samples().loud(0.1)]


def resized_h264() -> Path:
    parts = [broadcast("s.ts", sound=None), broadcast("l.ts", start=3, size="192x128", sound=None)]
    return joined("larger.ts", *parts)


def resized_vp9() -> Path:
    frames = []
    for size in ("96x64", "192x128", "96x64"):
        name = f"{size}.ivf"
        scene(name, "-c:v", "libvpx-vp9", "-cpu-used", "8", seconds=1, size=size, sound=None)
        frames += list(pictures((FOLDER / name).read_bytes()))
    header = (FOLDER / "96x64.ivf").read_bytes()[:32]
    numbered = (HEADER.pack(len(one), n) + one for n, one in enumerate(frames))
    (FOLDER / "call.ivf").write_bytes(header + b"".join(numbered))
    ffmpeg("-r", "25", "-i", "call.ivf", "-c", "copy", "call.webm")
    return FOLDER / "call.webm"


def pictures(ivf: bytes) -> Iterable[bytes]:
    place = 32
    while place < len(ivf):
        size, _ = HEADER.unpack_from(ivf, place)
        place += HEADER.size
        yield ivf[place : place + size]
        place += size


@pytest.mark.parametrize(("make", "count"), [(resized_h264, 150), (resized_vp9, 75)])
async def test_pictures_that_change_their_size_go_on(
    make: Callable[[], Path], count: int, tmp_path: Path
) -> None:
    encoded = await encode(make(), tmp_path)

    assert len(encoded.grid()) == count
    assert encoded.times() == encoded.grid()
    shown = list(encoded.frames())
    for frame in (shown[5], shown[count // 2 + 5], shown[-5]):
        for x, y, color in CORNERS:
            if frame.brightness < 200:
                assert frame.color(x, y) == pytest.approx(color, abs=8)


@pytest.mark.parametrize(("codec", "how"), [("ac3", {"sound": "5.1"}), ("mp2", {})])
async def test_sound_that_changes_its_kind_goes_on(
    codec: str, how: dict[str, str], tmp_path: Path
) -> None:
    kind = () if "sound" in how else ("-ar", "32000")
    parts = [
        broadcast(f"{codec}.ts", "-c:a", codec),
        broadcast(f"{codec}-2.ts", "-c:a", codec, *kind, start=3, **how),
    ]

    encoded = await encode(joined(f"{codec}-changes.ts", *parts), tmp_path)

    assert beeps(encoded) == pytest.approx(ONSETS, abs=0.06)
    assert flashes(encoded) == pytest.approx(ONSETS, abs=0.06)


async def test_sound_that_begins_later_than_its_announcement_changes_nothing(
    tmp_path: Path,
) -> None:
    film = joined("later.ts", broadcast("mute.ts", sound=None), broadcast("heard.ts", start=3))

    encoded = await encode(film, tmp_path)

    assert flashes(encoded) == pytest.approx(ONSETS, abs=0.06)


def tagged(matrix: int, primaries: int, curve: int) -> Path:
    """A film that names its colours by these code points, whatever they are."""
    name = f"tags-{matrix}-{primaries}-{curve}.mp4"
    points = f"matrix_coefficients={matrix}:colour_primaries={primaries}"
    named = f"h264_metadata={points}:transfer_characteristics={curve}"
    return scene(name, "-bsf:v", named, seconds=1, sound=None)


@pytest.mark.parametrize(
    ("matrix", "primaries", "curve"),
    [(8, 1, 1), (10, 9, 14), (14, 9, 16), (1, 1, 10), (200, 200, 200), (2, 2, 16), (2, 2, 18)],
)
async def test_rare_names_of_colors_stop_nothing(
    matrix: int, primaries: int, curve: int, tmp_path: Path
) -> None:
    encoded = await encode(tagged(matrix, primaries, curve), tmp_path)

    assert encoded.times() == encoded.grid()
    assert tags(encoded.joined(encoded.best)) == (1, 1, 1, 1)


async def test_the_last_of_slow_pictures_is_shown_as_long_as_the_others(tmp_path: Path) -> None:
    encoded = await encode(scene("slides.mp4", rate="1/4", seconds=16, sound=None), tmp_path)

    assert encoded.plan.duration == 16
    assert encoded.times() == encoded.grid()


async def test_a_recording_that_begins_late_is_as_long_as_it_is(tmp_path: Path) -> None:
    encoded = await encode(scene("late.mkv", "-output_ts_offset", "100000"), tmp_path)

    assert encoded.plan.duration == pytest.approx(3, abs=0.05)
    assert flashes(encoded) == pytest.approx([1], abs=0.06)


async def test_of_several_pictures_the_one_that_the_file_prefers_is_taken(tmp_path: Path) -> None:
    small, large = scene("small.mkv", seconds=1), scene("large.mkv", seconds=1, size="192x128")
    ffmpeg(
        *("-i", str(small), "-i", str(large), "-map", "0:v", "-map", "1:v", "-c", "copy"),
        *("-disposition:v:0", "0", "-disposition:v:1", "default", "both.mkv"),
    )

    encoded = await encode(FOLDER / "both.mkv", tmp_path)

    assert (encoded.plan.video[0].width, encoded.plan.video[0].height) == (192, 128)


def with_noise(source: Path, name: str, first: float, last: float) -> Path:
    """A copy of ``source`` in which all between two shares of its length is noise."""
    content = bytearray(source.read_bytes())
    for place in range(int(len(content) * first), int(len(content) * last)):
        content[place] = (place * 91) & 0xFF
    (FOLDER / name).write_bytes(content)
    return FOLDER / name


def recording(name: str, *output: str) -> Path:
    return scene(name, *output, filters="noise=alls=20:allf=t", sound="mono")


RECORDINGS = {
    "MP4": ("hurt.mp4", "-movflags", "faststart"),
    "Matroska": ("hurt.mkv",),
    "AVI": ("hurt.avi", "-c:v", "mpeg4", "-c:a", "mp3"),
    "HEVC": ("hurt-hevc.mp4", "-c:v", "libx265", "-x265-params", "log-level=error"),
}


@pytest.mark.parametrize("kind", RECORDINGS)
async def test_a_damaged_place_costs_no_more_than_itself(kind: str, tmp_path: Path) -> None:
    source = recording(*RECORDINGS[kind])
    hurt = with_noise(source, f"place-{source.name}", 0.6, 0.602)

    encoded = await encode(hurt, tmp_path)

    assert encoded.times() == encoded.grid()
    assert len(encoded.grid()) == pytest.approx(75, abs=1)
    assert flashes(encoded)[0] == pytest.approx(1, abs=0.06)


async def test_half_of_a_file_is_not_taken_for_all_of_it(tmp_path: Path) -> None:
    source = recording(*RECORDINGS["MP4"])
    hurt = with_noise(source, "half.mp4", 0.4, 0.9)

    with pytest.raises(ExceptionGroup) as failed:
        await encode(hurt, tmp_path)

    assert failed.group_contains(EncodeFailed, match="too much of the file cannot be decoded")


async def test_a_broadcast_loses_a_packet_and_is_taken(tmp_path: Path) -> None:
    content = broadcast("lossy.ts").read_bytes()
    middle = len(content) // PACKET // 2 * PACKET
    (FOLDER / "lost.ts").write_bytes(content[:middle] + content[middle + PACKET :])

    encoded = await encode(FOLDER / "lost.ts", tmp_path)

    assert encoded.times() == encoded.grid()
    assert len(encoded.grid()) == pytest.approx(75, abs=1)


async def test_a_broadcast_that_lost_its_middle_is_refused(tmp_path: Path) -> None:
    content = broadcast("lossy.ts").read_bytes()
    quarter = len(content) // PACKET // 4 * PACKET
    (FOLDER / "hole.ts").write_bytes(content[:quarter] + content[3 * quarter :])

    with pytest.raises(FileDamaged, match="of its video are not all there"):
        await encode(FOLDER / "hole.ts", tmp_path)


async def test_a_recording_that_begins_within_a_group_of_pictures_is_taken(tmp_path: Path) -> None:
    content = broadcast("groups.ts", "-g", "25").read_bytes()
    (FOLDER / "within.ts").write_bytes(content[len(content) // 6 + 77 :])

    encoded = await encode(FOLDER / "within.ts", tmp_path)

    assert encoded.times() == encoded.grid()
    # The first picture that there is, which is bright, is held from the start of the sound on.
    ends = [float(one.time) + 0.04 for one in encoded.frames() if one.brightness > 200]
    assert ends[-1] == pytest.approx(encoded.samples().loud(0.1)[-1][1], abs=0.06)


async def test_a_recording_whose_end_was_cut_is_taken(tmp_path: Path) -> None:
    content = recording("live.flv", "-flvflags", "no_duration_filesize").read_bytes()
    (FOLDER / "cut.flv").write_bytes(content[: len(content) * 6 // 10])

    encoded = await encode(FOLDER / "cut.flv", tmp_path)

    assert encoded.times() == encoded.grid()
    assert 1.2 < encoded.plan.duration < 2.4
