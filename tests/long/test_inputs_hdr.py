"""High dynamic range, kept and made SDR, through the real encoder."""

from pathlib import Path
from typing import Any

import av
import pytest
from msgspec.structs import replace

from ingest.plan import VideoCodec
from tests.integration.encoding import SHORT, encode, tags
from tests.unit.ingest.clips import FOLDER, ffmpeg

ALL = replace(SHORT, codecs=tuple(VideoCodec))

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
LIGHT = "1000,400"

MASTERING = {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}

SDR = (1, 1, 1, 1)
CURVES = {"smpte2084": 16, "arib-std-b67": 18}


def hdr(transfer: str) -> Path:
    """A gray of 203 cd/m², which is the white of SDR, on a black and a red of as much."""
    name = f"{transfer}.mkv"
    params = (
        f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited"
    )
    if transfer == "smpte2084":
        params += f":hdr10=1:master-display={DISPLAY}:max-cll={LIGHT}"
    white = 0.5807 if transfer == "smpte2084" else 0.75
    level = round(64 + white * 876)
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=128x72:r=25:d=3"),
        "-vf",
        f"format=yuv420p10le,geq=lum='if(lt(X,64),64,{level})':cb=512:cr=512,"
        f"setparams=range=tv:color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc",
        *("-c:v", "libx265", "-preset", "ultrafast", "-crf", "10", "-x265-params", params, name),
    )
    return FOLDER / name


@pytest.mark.parametrize("transfer", CURVES)
async def test_hdr_is_kept_beside_sdr(transfer: str, tmp_path: Path) -> None:
    encoded = await encode(hdr(transfer), tmp_path, ALL)

    kept = {one.name: one.codec for one in encoded.plan.video if one.video_range != "SDR"}
    assert set(kept.values()) == {VideoCodec.HEVC, VideoCodec.AV1}
    for one in encoded.plan.video:
        path = encoded.joined(one.name)
        wanted = (9, CURVES[transfer], 9, 1) if one.name in kept else SDR
        assert (one.name, tags(path)) == (one.name, wanted)
        assert pixel_format(path) == ("yuv420p10le" if one.name in kept else "yuv420p")
        assert encoded.times(one.name) == encoded.grid()
        assert len(encoded.inits(one.name)) == 1


async def test_how_it_was_mastered_is_told_in_hdr_only(tmp_path: Path) -> None:
    encoded = await encode(hdr("smpte2084"), tmp_path, ALL)

    for one in encoded.plan.video:
        told = side_data(encoded.joined(one.name))
        if one.video_range == "SDR":
            assert not told & MASTERING
        else:
            assert told >= MASTERING


@pytest.mark.parametrize("transfer", CURVES)
async def test_white_of_sdr_is_bright_and_gray_when_hdr_is_made_sdr(
    transfer: str, tmp_path: Path
) -> None:
    encoded = await encode(hdr(transfer), tmp_path)

    frame = next(encoded.frames())
    red, green, blue = frame.color(0.75, 0.5)
    assert frame.color(0.25, 0.5) == pytest.approx((0, 0, 0), abs=3)
    assert 150 < red <= 255
    assert max(red, green, blue) - min(red, green, blue) <= 4


def pixel_format(path: Path) -> str:
    with av.open(str(path)) as container:
        return str(container.streams.video[0].codec_context.pix_fmt)


def side_data(path: Path) -> set[str]:
    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        # Its stub knows one kind of it only.
        told: Any = frame.side_data
        return {data.type.name for data in told}
