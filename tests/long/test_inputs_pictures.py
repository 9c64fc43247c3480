"""Pictures of every shape, colour and kind that uploads have, through the real encoder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.encoding import encode, tags
from tests.integration.scenes import BLUE, GRAY, GREEN, RED, scene
from tests.unit.ingest.clips import FOLDER, ffmpeg

UPRIGHT = (RED, GREEN, BLUE, GRAY)
"""From top left to bottom right."""

BLACK = (0, 0, 0)
VEILED = (RED, BLACK, BLUE, BLACK)

CENTERS = ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))

HD = (1, 1, 1, 1)
"""BT.709 in limited range, all of it told."""

LOSSLESS = ("-c:v", "ffv1")

Color = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """A source and what must come of it."""

    source: Path
    size: tuple[int, int]
    corners: tuple[Color, ...] = UPRIGHT
    tolerance: int = 6
    """Of a colour's parts: encoding and the coarse steps of 8 bits in limited range."""
    frames: int = 50


def turned(degrees: int) -> Path:
    source = scene(f"for-{degrees}.mp4", seconds=2)
    ffmpeg(
        *("-display_rotation", str(degrees), "-i", str(source)),
        *("-c", "copy", f"turned-{degrees}.mp4"),
    )
    return FOLDER / f"turned-{degrees}.mp4"


def picture(name: str, *output: str, **how: Any) -> Path:
    return scene(name, *output, seconds=2, sound=None, **how)


def veiled(name: str, pixels: str, *output: str) -> Path:
    """The scene with a right half that is there, but cannot be seen."""
    alpha = f"format=gbrap,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='255*lt(X,W/2)',format={pixels}"
    return picture(name, *output, filters=f"format=gbrp,{alpha}")


def colored(name: str, matrix: str, primaries: str, full: str = "limited") -> Path:
    """The scene in other colours, computed and not only named."""
    return picture(
        name,
        *("-crf", "4"),
        filters=f"zscale=matrix={matrix}:primaries={primaries}:range={full},format=yuv420p",
    )


CASES = {
    "portrait": lambda: Case(picture("portrait.mp4", size="64x96"), (64, 96)),
    "turned by 90 degrees": lambda: Case(turned(90), (64, 96), (GREEN, GRAY, RED, BLUE)),
    "turned by 180 degrees": lambda: Case(turned(180), (96, 64), (GRAY, BLUE, GREEN, RED)),
    "turned by 270 degrees": lambda: Case(turned(270), (64, 96), (BLUE, RED, GRAY, GREEN)),
    "odd sides": lambda: Case(picture("odd.mkv", *LOSSLESS, size="97x65"), (96, 64)),
    "the smallest": lambda: Case(
        picture("two.mkv", *LOSSLESS, size="4x4", pixels="yuv444p", filters="crop=2:2:0:0"),
        (2, 2),
        (RED,) * 4,
    ),
    "wide pixels": lambda: Case(picture("wide.mp4", filters="setsar=2"), (96, 32)),
    "narrow pixels": lambda: Case(picture("narrow.mp4", filters="setsar=1/2"), (48, 64)),
    "interlaced": lambda: Case(
        picture(
            "interlaced.mp4",
            *("-flags", "+ilme+ildct", "-x264-params", "tff=1"),
            rate="50",
            filters="tinterlace=interleave_top,setfield=tff",
        ),
        (96, 64),
        frames=100,
    ),
    "interlaced broadcast": lambda: Case(
        picture(
            "interlaced.ts",
            *("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ilme+ildct"),
            rate="50",
            filters="tinterlace=interleave_top,setfield=tff",
        ),
        (96, 64),
        frames=100,
    ),
    "4:2:2": lambda: Case(picture("422.mov", pixels="yuv422p"), (96, 64)),
    "4:4:4": lambda: Case(picture("444.mkv", pixels="yuv444p"), (96, 64)),
    "10 bits": lambda: Case(picture("ten.mkv", pixels="yuv420p10le"), (96, 64)),
    "4:2:2 in 10 bits": lambda: Case(
        picture("prores.mov", "-c:v", "prores_ks", pixels="yuv422p10le"), (96, 64)
    ),
    "RGB": lambda: Case(picture("rgb.mkv", *LOSSLESS, filters="format=gbrp"), (96, 64)),
    "alpha": lambda: Case(veiled("alpha.mkv", "gbrap", *LOSSLESS), (96, 64), VEILED),
    "alpha beside brightness": lambda: Case(
        veiled("alpha.mov", "yuva444p10le", "-c:v", "prores_ks"), (96, 64), VEILED
    ),
    "full range": lambda: Case(colored("full.mp4", "709", "709", "full"), (96, 64)),
    "motion JPEG": lambda: Case(
        picture(
            "photo.avi",
            "-c:v",
            "mjpeg",
            "-q:v",
            "1",
            filters="scale=out_color_matrix=bt601:out_range=pc,format=yuvj420p",
        ),
        (96, 64),
        tolerance=12,
    ),
    "BT.601 with 625 lines": lambda: Case(colored("pal.mp4", "470bg", "bt470bg"), (96, 64)),
    "BT.601 with 525 lines": lambda: Case(colored("ntsc.mp4", "170m", "170m"), (96, 64)),
    "BT.601 that does not say so": lambda: Case(
        picture(
            "silent.mp4",
            *("-crf", "4"),
            filters="zscale=matrix=170m,format=yuv420p,"
            "setparams=colorspace=unknown:color_primaries=unknown:color_trc=unknown",
        ),
        (96, 64),
    ),
    "BT.2020 in SDR": lambda: Case(
        colored("wide-gamut.mp4", "2020_ncl", "2020"), (96, 64), tolerance=10
    ),
}


@pytest.mark.parametrize("kind", CASES)
async def test_a_picture_keeps_its_shape_and_colors(kind: str, tmp_path: Path) -> None:
    case = CASES[kind]()

    encoded = await encode(case.source, tmp_path)

    best = encoded.plan.video[0]
    assert (best.width, best.height) == case.size
    assert encoded.times() == encoded.grid()
    assert len(encoded.grid()) == case.frames
    shown = list(encoded.frames())[case.frames // 4]
    assert (shown.pixels.shape[1], shown.pixels.shape[0]) == case.size
    for place, wanted in zip(CENTERS, case.corners, strict=True):
        assert shown.color(*place) == pytest.approx(wanted, abs=case.tolerance)
    assert {tags(encoded.joined(one.name)) for one in encoded.plan.video} == {HD}
