"""Facts read from what the real encoder writes, and from what it would never write."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.package import PartInvalid, measure
from ingest.package.segments import read_init, read_segment
from tests.unit.ingest.clips import FOLDER, ffmpeg

SEGMENTS = ("-f", "hls", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod", "-hls_time", "1")


@pytest.fixture(scope="session")
def video() -> Path:
    return made(
        "video",
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2.4"),
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


def made(name: str, *arguments: str) -> Path:
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    names = ("-hls_fmp4_init_filename", "init.mp4", "-hls_segment_filename", f"{name}/%05d.m4s")
    ffmpeg(*arguments, *SEGMENTS, *names, f"{name}/muxer.m3u8")
    return folder


def test_video_is_measured(video: Path) -> None:
    facts = measure(video)

    assert facts.init.codec == "avc1.42c00b"
    assert (facts.init.width, facts.init.height) == (64, 48)
    assert facts.init.timescale == 12_800
    assert (facts.init.channels, facts.init.sample_rate) == (0, 0)
    assert [segment.name for segment in facts.segments] == ["00000.m4s", "00001.m4s", "00002.m4s"]
    assert [segment.sample_count for segment in facts.segments] == [25, 25, 10]
    assert [segment.decode_time for segment in facts.segments] == [0, 12_800, 25_600]
    assert [segment.duration for segment in facts.segments] == [12_800, 12_800, 5_120]
    assert all(segment.starts_with_sync for segment in facts.segments)
    assert [segment.size for segment in facts.segments] == [
        (video / segment.name).stat().st_size for segment in facts.segments
    ]


def test_audio_is_measured(audio: Path) -> None:
    facts = measure(audio)

    assert facts.init.codec == "mp4a.40.2"
    assert (facts.init.channels, facts.init.sample_rate) == (2, 48_000)
    assert facts.init.timescale == 48_000
    assert (facts.init.width, facts.init.height) == (0, 0)
    ends = [segment.decode_time + segment.duration for segment in facts.segments]
    assert [segment.decode_time for segment in facts.segments[1:]] == ends[:-1]
    assert sum(segment.duration for segment in facts.segments) >= 2 * 48_000


def test_an_encode_that_wrote_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PartInvalid, match="did not write it"):
        measure(tmp_path)


def test_a_segment_that_does_not_start_with_a_key_frame_is_told(tmp_path: Path) -> None:
    folder = made(
        "late-keys",
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=2"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "1000"),
        *("-hls_flags", "split_by_time"),
    )

    starts = [segment.starts_with_sync for segment in measure(folder).segments]

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


@pytest.mark.parametrize("kind", ["video", "audio"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damage_is_never_anything_but_a_refusal(kind: str, data: st.DataObject) -> None:
    if not (FOLDER / kind).exists():
        pytest.skip("made by the tests above")
    init = bytearray((FOLDER / kind / "init.mp4").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        init[data.draw(st.integers(0, len(init) - 1))] = data.draw(st.integers(0, 255))

    try:
        _, defaults = read_init("init.mp4", bytes(init))
        segment = bytearray((FOLDER / kind / "00000.m4s").read_bytes()[:1500])
        segment[data.draw(st.integers(0, 200))] = data.draw(st.integers(0, 255))
        read_segment("00000.m4s", bytes(segment), defaults)
    except PartInvalid:
        pass
