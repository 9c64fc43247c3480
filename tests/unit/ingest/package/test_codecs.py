"""Names of codecs: from known configurations, and from what the real encoders write."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.hls import VideoRange
from ingest.package import InitFacts, PartInvalid
from ingest.package.boxes import Box
from ingest.package.codecs import Colour, aac, av1, avc, hevc, opus
from ingest.package.segments import read_init
from tests.unit.ingest.clips import FOLDER, ffmpeg

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=0.4")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=0.4")
FRAGMENTS = ("-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof+delay_moov")
BT2020 = "setparams=color_primaries=bt2020:colorspace=bt2020nc:range=tv:color_trc="
PQ = ("-vf", BT2020 + "smpte2084", "-pix_fmt", "yuv420p10le")
HLG = ("-vf", BT2020 + "arib-std-b67", "-pix_fmt", "yuv420p10le")
BT709 = ("-vf", "setparams=color_primaries=bt709:colorspace=bt709:range=tv:color_trc=bt709")
HEVC = ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error:level-idc=3.1")
AV1 = ("-c:v", "libsvtav1", "-preset", "11")


def box(kind: str, content: str) -> Box:
    data = bytes.fromhex(content)
    return Box(kind, data, 0, len(data), 0)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        # RFC 6381 §3.3, and Apple's examples.
        ("014d401e", "avc1.4d401e"),
        ("0164001f", "avc1.64001f"),
        ("0142c00b", "avc1.42c00b"),
    ],
)
def test_h264(content: str, name: str) -> None:
    assert avc("avc1", box("avcC", content)) == name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        # ISO/IEC 14496-15 annex E.3.
        ("01 01 60000000 b00000000000 5d", "hvc1.1.6.L93.B0"),
        # As in Apple's streams of HEVC in HDR10.
        ("01 02 20000000 b00000000000 7b", "hvc1.2.4.L123.B0"),
        ("01 22 20000000 900000000000 96", "hvc1.2.4.H150.90"),
        ("01 64 08000000 bd8800000000 5a", "hvc1.A4.10.H90.BD.88"),
        ("01 c1 00000001 000000000001 1e", "hvc1.C1.80000000.L30.0.0.0.0.0.1"),
        ("01 01 60000000 000000000000 5d", "hvc1.1.6.L93"),
    ],
)
def test_hevc(content: str, name: str) -> None:
    assert hevc("hvc1", box("hvcC", content)) == name


@pytest.mark.parametrize(
    ("content", "colour", "name"),
    [
        # "AV1 Codec ISO Media File Format Binding" §5.
        ("81 04 0c 00", None, "av01.0.04M.08"),
        ("81 04 0c 00", Colour(1, 1, 1, full_range=False), "av01.0.04M.08"),
        ("81 04 4e 00", Colour(9, 16, 9, full_range=False), "av01.0.04M.10.0.112.09.16.09.0"),
        ("81 08 4c 00", Colour(9, 18, 9, full_range=False), "av01.0.08M.10.0.110.09.18.09.0"),
        ("81 08 0c 00", Colour(1, 1, 1, full_range=True), "av01.0.08M.08.0.110.01.01.01.1"),
        ("81 2d c0 00", None, "av01.1.13H.10.0.000.01.01.01.0"),
        ("81 4d 68 00", None, "av01.2.13M.12.0.100.01.01.01.0"),
        ("81 04 1c 00", None, "av01.0.04M.08.1.110.01.01.01.0"),
    ],
)
def test_av1(content: str, colour: Colour | None, name: str) -> None:
    assert av1("av01", box("av1C", content), colour) == name


def test_aac() -> None:
    content = "00000000 0319 0001 00 0411 40 15 000000 0001f400 0001f400 0502 1190 0601 02"
    assert aac(box("esds", content)) == ("mp4a.40.2", 2)
    assert aac(box("esds", content.replace("1190", "11b8"))) == ("mp4a.40.2", 8)
    # A length in four bytes, as some muxers write it.
    assert aac(box("esds", content.replace("0319", "0380808019"))) == ("mp4a.40.2", 2)
    for odd in ("1180", "11c0", "f990"):
        with pytest.raises(PartInvalid):
            aac(box("esds", content.replace("1190", odd)))


def test_opus() -> None:
    assert opus(box("dOps", "00 02 0138 0000bb80 0000 00")) == ("opus", 2)
    with pytest.raises(PartInvalid, match="no version"):
        opus(box("dOps", "01 02 0138 0000bb80 0000 00"))


@pytest.mark.parametrize("kind", ["avcC", "hvcC", "av1C", "esds", "dOps"])
def test_a_configuration_that_ends_too_early_is_refused(kind: str) -> None:
    read = {
        "avcC": lambda box: avc("avc1", box),
        "hvcC": lambda box: hevc("hvc1", box),
        "av1C": lambda box: av1("av01", box, None),
        "esds": aac,
        "dOps": opus,
    }[kind]
    for content in ("", "00", "81"):
        with pytest.raises(PartInvalid):
            read(box(kind, content))


def init_of(name: str, *arguments: str) -> InitFacts:
    """The init facts of a file that the real encoder writes."""
    ffmpeg(*arguments, *FRAGMENTS, name)
    return read_init(name, (FOLDER / name).read_bytes())[0]


@pytest.mark.parametrize(
    ("name", "arguments", "codec", "video_range"),
    [
        (
            "h264.mp4",
            ("-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "baseline", "-level", "3.1"),
            "avc1.42c01f",
            VideoRange.SDR,
        ),
        ("hevc.mp4", (*HEVC, "-pix_fmt", "yuv420p"), "hvc1.1.6.L93.90", VideoRange.SDR),
        ("hevc-pq.mp4", (*HEVC, *PQ), "hvc1.2.4.L93.90", VideoRange.PQ),
        ("hevc-hlg.mp4", (*HEVC, *HLG), "hvc1.2.4.L93.90", VideoRange.HLG),
        ("av1.mp4", (*AV1, "-pix_fmt", "yuv420p"), "av01.0.00M.08", VideoRange.SDR),
        ("av1-709.mp4", (*AV1, "-pix_fmt", "yuv420p", *BT709), "av01.0.00M.08", VideoRange.SDR),
        ("av1-pq.mp4", (*AV1, *PQ), "av01.0.00M.10.0.110.09.16.09.0", VideoRange.PQ),
    ],
)
def test_video_of_the_real_encoders(
    name: str, arguments: tuple[str, ...], codec: str, video_range: VideoRange
) -> None:
    init = init_of(name, *PICTURE, *arguments)

    assert init.codec == codec
    assert init.video_range == video_range
    assert (init.width, init.height, init.channels, init.sample_rate) == (128, 96, 0, 0)


@pytest.mark.parametrize(
    ("name", "arguments", "codec", "channels"),
    [
        ("aac.mp4", ("-c:a", "aac", "-ac", "2"), "mp4a.40.2", 2),
        ("aac-5.1.mp4", ("-c:a", "aac", "-ac", "6"), "mp4a.40.2", 6),
        ("opus.mp4", ("-c:a", "libopus", "-ac", "2", "-b:a", "96k"), "opus", 2),
    ],
)
def test_sound_of_the_real_encoders(
    name: str, arguments: tuple[str, ...], codec: str, channels: int
) -> None:
    init = init_of(name, *SOUND, *arguments)

    assert (init.codec, init.channels, init.sample_rate) == (codec, channels, 48_000)
    assert (init.width, init.height, init.timescale) == (0, 0, 48_000)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("damaged-hevc.mp4", (*PICTURE, *HEVC, *PQ)),
        ("damaged-av1.mp4", (*PICTURE, *AV1, *PQ)),
        ("damaged-opus.mp4", (*SOUND, "-c:a", "libopus")),
    ],
)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_damage_is_never_anything_but_a_refusal(
    name: str, arguments: tuple[str, ...], data: st.DataObject
) -> None:
    if not (FOLDER / name).exists():
        init_of(name, *arguments)
    whole = (FOLDER / name).read_bytes()
    init = bytearray(whole[: whole.index(b"moof")])
    for _ in range(data.draw(st.integers(1, 4))):
        init[data.draw(st.integers(0, len(init) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(PartInvalid):
        read_init("init.mp4", bytes(init))


def test_a_clock_that_stands_still_is_refused(tmp_path: Path) -> None:
    init_of("still.mp4", *PICTURE, "-c:v", "libx264")
    data = (FOLDER / "still.mp4").read_bytes()
    clock = data.index(b"mdhd") + 4 + 12

    with pytest.raises(PartInvalid, match="stands still"):
        read_init("init.mp4", data[:clock] + bytes(4) + data[clock + 4 :])
