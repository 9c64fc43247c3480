"""Sources made with ffmpeg, whose pictures and sound tell what happened to them on the way."""

import functools
from pathlib import Path

from tests.unit.ingest.clips import FOLDER, ffmpeg

RED, GREEN, BLUE, GRAY = (192, 64, 64), (64, 160, 64), (64, 64, 192), (128, 128, 128)
"""From the top left to the bottom right, not so saturated that a system lacks them."""


def _hex(color: tuple[int, int, int]) -> str:
    return "0x" + bytes(color).hex()


QUADRANTS = (
    f"drawbox=x=iw/2:w=iw/2:h=ih/2:c={_hex(GREEN)}:t=fill,"
    f"drawbox=y=ih/2:w=iw/2:h=ih/2:c={_hex(BLUE)}:t=fill,"
    f"drawbox=x=iw/2:y=ih/2:w=iw/2:h=ih/2:c={_hex(GRAY)}:t=fill"
)

FLASH = (1.0, 1.2)
"""Seconds from the start in which all is white and a tone sounds."""


def scene(
    name: str,
    *output: str,
    size: str = "96x64",
    rate: str = "25",
    seconds: float = 3.0,
    sound: str | None = "mono",
    pixels: str = "yuv420p",
    filters: str = "null",
    before: tuple[str, ...] = (),
) -> Path:
    """Four colours in four corners, in BT.709, with a flash and a beep, in a file called ``name``.

    ``filters`` are the last before the encoder, ``before`` stands before the inputs of pictures.
    """
    when = f"between(t,{FLASH[0]},{FLASH[1] - 0.001})"
    graph = (
        f"color={_hex(RED)}:s={size}:r={rate}:d={seconds},format=gbrp,{QUADRANTS},"
        f"drawbox=c=white:t=fill:enable='{when}',"
        f"scale=out_color_matrix=bt709:out_range=tv,format={pixels},"
        "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,"
        f"{filters}"
    )
    inputs = [*before, "-f", "lavfi", "-i", graph]
    if sound is not None:
        tone = (
            f"sine=1000:r=48000:d={seconds},volume=4,volume=0:enable='not({when})',"
            f"aformat=channel_layouts={sound}"
        )
        inputs += ["-f", "lavfi", "-i", tone]
    encoder = () if "-c:v" in output else ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "10")
    ffmpeg(*inputs, *encoder, *output, name)
    return FOLDER / name


@functools.cache
def counting(name: str, *output: str, rate: str = "25", frames: int = 100) -> Path:
    """Gray pictures, each of its number's gray, in a file called ``name``; see ``number_of``."""
    graph = (
        f"color=black:s=128x72:r={rate},format=gray,geq=lum='{LOWEST}+mod(N,{STEPS})*{STEP}',"
        "format=yuv420p,setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    )
    encoder = () if "-c:v" in output else ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "5")
    ffmpeg("-f", "lavfi", "-i", graph, "-frames:v", str(frames), *encoder, *output, name)
    return FOLDER / name


LOWEST, STEP, STEPS = 20, 5, 41


def number_of(brightness: float) -> int:
    """The number, modulo ``STEPS``, of the frame of ``counting`` that has this mean of its RGB."""
    return round((brightness - LOWEST) / STEP)
