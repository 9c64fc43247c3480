"""Facts read from what the real encoder writes, and from what it would never write."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.package import InitFacts, PartFacts, PartInvalid, measure
from ingest.package.boxes import whole
from ingest.package.packets import key_pieces
from ingest.package.segments import read_init, read_segment
from ingest.transcode.fragments import settle
from tests.unit.ingest.clips import FOLDER, ffmpeg

SEGMENTS = ("-f", "hls", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod", "-hls_time", "1")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2.4")
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov+default_base_moof+skip_trailer")


@pytest.fixture(scope="session")
def video() -> Path:
    return made(
        "video",
        *PICTURE,
        *("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-level", "1.1"),
        *("-g", "25", "-sc_threshold", "0"),
    )


@pytest.fixture(scope="session")
def audio() -> Path:
    return made(
        "audio",
        *("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=2"),
        *("-c:a", "aac", "-ac", "2"),
    )


@pytest.fixture(scope="session")
def groups() -> Path:
    """A segment of three groups of pictures, each in a fragment of its own."""
    folder = FOLDER / "groups"
    folder.mkdir(exist_ok=True)
    encoder = ("-c:v", "libx264", "-g", "25", "-sc_threshold", "0", "-bf", "2")
    ffmpeg(*PICTURE, *encoder, *FRAGMENTS, "groups/whole.mp4")
    data = (folder / "whole.mp4").read_bytes()
    first = data.index(b"moof") - 4
    (folder / "init.mp4").write_bytes(data[:first])
    (folder / "00000.m4s").write_bytes(data[first:])
    return folder


def made(name: str, *arguments: str) -> Path:
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    names = ("-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", f"{name}/%05d.m4s")
    ffmpeg(*arguments, *SEGMENTS, *names, f"{name}/muxer.m3u8")
    return folder


def measured(folder: Path) -> PartFacts:
    return measure(folder.parent, [folder.name])[folder.name]


def init_of(facts: PartFacts) -> InitFacts:
    assert facts.init is not None
    return facts.init


def test_video_is_measured(video: Path) -> None:
    facts = measured(video)
    init = init_of(facts)

    assert init.codec == "avc1.42c00b"
    assert (init.width, init.height) == (64, 48)
    assert init.timescale == 12_800
    assert (init.channels, init.sample_rate) == (0, 0)
    assert [segment.name for segment in facts.segments] == ["00000.m4s", "00001.m4s", "00002.m4s"]
    assert [segment.sample_count for segment in facts.segments] == [25, 25, 10]
    assert [segment.decode_time for segment in facts.segments] == [0, 12_800, 25_600]
    assert [segment.duration for segment in facts.segments] == [12_800, 12_800, 5_120]
    assert all(segment.starts_with_sync for segment in facts.segments)
    for segment in facts.segments:
        data = (video / segment.name).read_bytes()
        assert segment.size == len(data)
        assert segment.sha256 == hashlib.sha256(data).hexdigest()
        [key] = segment.key_frames
        assert data[key.offset + 4 :].startswith(b"moof")
        assert key.decode_time == segment.decode_time


def test_audio_is_measured(audio: Path) -> None:
    facts = measured(audio)
    init = init_of(facts)

    assert init.codec == "mp4a.40.2"
    assert (init.channels, init.sample_rate) == (2, 48_000)
    assert init.timescale == 48_000
    assert (init.width, init.height) == (0, 0)
    ends = [segment.decode_time + segment.duration for segment in facts.segments]
    assert [segment.decode_time for segment in facts.segments[1:]] == ends[:-1]
    assert sum(segment.duration for segment in facts.segments) >= 2 * 48_000
    assert {segment.key_frames for segment in facts.segments} == {()}


def test_every_group_of_pictures_has_a_key_frame_that_is_a_picture_by_itself(
    groups: Path,
) -> None:
    [segment] = measured(groups).segments
    init, data = (groups / "init.mp4").read_bytes(), (groups / "00000.m4s").read_bytes()

    assert (segment.sample_count, segment.duration) == (60, 60 * 512)
    assert [key.decode_time for key in segment.key_frames] == [0, 25 * 512, 50 * 512]
    for key in segment.key_frames:
        piece = groups / f"{key.offset}.mp4"
        piece.write_bytes(init + data[key.offset : key.offset + key.size])
        assert frames_in(piece) == 1
        assert key.size < segment.size / 3


def test_key_frames_that_have_heads_of_their_own_are_a_video(groups: Path, tmp_path: Path) -> None:
    folder = tmp_path / "settled"
    shutil.copytree(groups, folder)
    settle(folder, 0, (3,))

    [segment] = measured(folder).segments
    data = (folder / "00000.m4s").read_bytes()
    pieces = [data[key.offset : key.offset + key.size] for key in segment.key_frames]
    (folder / "keys.mp4").write_bytes((folder / "init.mp4").read_bytes() + b"".join(pieces))
    (folder / "all.mp4").write_bytes((folder / "init.mp4").read_bytes() + data)

    assert [[box.kind for box in whole(piece).children()] for piece in pieces] == [
        ["moof", "mdat"] for _ in range(3)
    ]
    assert frames_in(folder / "keys.mp4") == 3
    assert frames_in(folder / "all.mp4") == 60


def frames_in(file: Path) -> int:
    """How many pictures a decoder finds; it may say that the last fragment is cut."""
    run = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-v", "fatal", "-i", str(file)),
            *("-f", "rawvideo", "-pix_fmt", "gray", "-fps_mode", "passthrough", "-"),
        ],
        check=True,
        capture_output=True,
    )
    return len(run.stdout) // (64 * 48)


def test_a_hole_between_fragments_is_refused(groups: Path) -> None:
    _, defaults = read_init("init.mp4", (groups / "init.mp4").read_bytes())
    data = (groups / "00000.m4s").read_bytes()
    moofs = [box for box in whole(data).children() if box.kind == "moof"]

    without = data[: moofs[1].place] + data[moofs[2].place :]
    with pytest.raises(PartInvalid, match="do not follow each other"):
        read_segment("00000.m4s", without, defaults)


def test_a_key_frame_that_ends_outside_of_its_segment_is_refused(groups: Path) -> None:
    _, defaults = read_init("init.mp4", (groups / "init.mp4").read_bytes())
    data = (groups / "00000.m4s").read_bytes()
    run = data.index(b"trun") + 4
    flags = int.from_bytes(data[run + 1 : run + 4], "big")
    assert flags & 0x201 == 0x201, "an offset and sizes, as ffmpeg writes them"
    far = data[: run + 8] + b"\x7f\0\0\0" + data[run + 12 :]
    nowhere = data[: run + 3] + bytes([flags & 0xFE]) + data[run + 4 :]

    with pytest.raises(PartInvalid, match="does not lie in it"):
        read_segment("00000.m4s", far, defaults)
    with pytest.raises(PartInvalid):
        read_segment("00000.m4s", nowhere, defaults)


@pytest.fixture
def twins(groups: Path, tmp_path: Path) -> Path:
    """A folder with the groups of pictures and their twin."""
    (tmp_path / "groups").mkdir()
    (tmp_path / "ts-groups").mkdir()
    for name in ("init.mp4", "00000.m4s"):
        (tmp_path / "groups" / name).write_bytes((groups / name).read_bytes())
    # As it is told to write them, tables stand before key frames alone.
    muxer = ("-f", "mpegts", "-mpegts_flags", "+initial_discontinuity", "-pat_period", "3600")
    target = str(tmp_path / "ts-groups" / "00000.ts")
    ffmpeg("-i", str(groups / "whole.mp4"), "-c", "copy", *muxer, target)
    return tmp_path


def test_a_transport_stream_has_the_times_of_its_twin(twins: Path) -> None:
    facts = measure(twins, ["ts-groups", "groups"])

    assert list(facts) == ["groups", "ts-groups"]
    assert facts["ts-groups"].init is None
    [other] = facts["groups"].segments
    [one] = facts["ts-groups"].segments
    data = (twins / "ts-groups" / one.name).read_bytes()
    assert one.name == "00000.ts"
    assert (one.size, one.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (one.decode_time, one.duration) == (other.decode_time, other.duration)
    assert one.sample_count == other.sample_count
    assert [key.decode_time for key in one.key_frames] == [0, 25 * 512, 50 * 512]
    for key in one.key_frames:
        piece = twins / f"{key.offset}.ts"
        piece.write_bytes(data[key.offset : key.offset + key.size])
        assert frames_in(piece) == 1
        assert key.size < one.size / 3


def test_a_transport_stream_of_sound_has_no_key_frames(audio: Path, tmp_path: Path) -> None:
    for name in ("audio", "ts-audio"):
        (tmp_path / name).mkdir()
    for path in audio.iterdir():
        (tmp_path / "audio" / path.name).write_bytes(path.read_bytes())
    for path in sorted(audio.glob("*.m4s")):
        whole_segment = tmp_path / "whole.mp4"
        whole_segment.write_bytes((audio / "init.mp4").read_bytes() + path.read_bytes())
        target = str(tmp_path / "ts-audio" / f"{path.stem}.ts")
        ffmpeg("-i", str(whole_segment), "-c", "copy", target)

    facts = measure(tmp_path, ["audio", "ts-audio"])

    assert {one.key_frames for one in facts["ts-audio"].segments} == {()}
    assert len(facts["ts-audio"].segments) == len(facts["audio"].segments)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no transport stream"),
        (b"G" + bytes(188), "no transport stream"),
        (b"G" + bytes(187) + b"H" + bytes(187), "no transport stream"),
        (b"G" + bytes(187), "not the key frames of its twin"),
    ],
)
def test_what_is_no_twin_is_refused(twins: Path, content: bytes, reason: str) -> None:
    (twins / "ts-groups" / "00000.ts").write_bytes(content)

    with pytest.raises(PartInvalid, match=reason):
        measure(twins, ["groups", "ts-groups"])


def test_a_twin_with_other_segments_is_refused(twins: Path) -> None:
    (twins / "ts-groups" / "00000.ts").rename(twins / "ts-groups" / "00001.ts")

    with pytest.raises(PartInvalid, match="other segments than its twin"):
        measure(twins, ["groups", "ts-groups"])


@given(packets=st.lists(st.binary(min_size=187, max_size=187), max_size=8))
def test_any_packets_are_looked_through(packets: list[bytes]) -> None:
    data = b"".join(b"G" + packet for packet in packets)

    for piece in key_pieces(data):
        assert 0 <= piece.offset < piece.offset + piece.size <= len(data)
        assert piece.offset % 188 == piece.size % 188 == 0


def test_an_encode_that_wrote_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PartInvalid, match="did not write it"):
        measure(tmp_path.parent, [tmp_path.name])


def test_a_segment_that_does_not_start_with_a_key_frame_is_told(tmp_path: Path) -> None:
    folder = made(
        "late-keys",
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "1000"),
        *("-hls_flags", "split_by_time"),
    )

    starts = [segment.starts_with_sync for segment in measured(folder).segments]

    assert starts[0]
    assert not any(starts[1:])


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_a_cut_segment_is_refused(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    _, defaults = read_init("init.mp4", (folder / "init.mp4").read_bytes())
    whole = (folder / "00000.m4s").read_bytes()

    for length in (0, 7, 40, 100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(PartInvalid):
            read_segment("00000.m4s", whole[:length], defaults)


def test_another_codec_is_refused(video: Path) -> None:
    data = (video / "init.mp4").read_bytes().replace(b"avc1", b"vp09")

    with pytest.raises(PartInvalid, match="'vp09' is not one made here"):
        read_init("init.mp4", data)


@pytest.mark.parametrize("kind", ["video", "audio", "groups"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_never_anything_but_a_refusal(
    kind: str, data: st.DataObject, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    init = bytearray((folder / "init.mp4").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        init[data.draw(st.integers(0, len(init) - 1))] = data.draw(st.integers(0, 255))

    try:
        _, defaults = read_init("init.mp4", bytes(init))
        segment = bytearray((folder / "00000.m4s").read_bytes())
        segment[data.draw(st.integers(0, 200))] = data.draw(st.integers(0, 255))
        read_segment("00000.m4s", bytes(segment), defaults)
    except PartInvalid:
        pass
