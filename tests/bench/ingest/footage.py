"""The video that is encoded: real footage in Full HD, made once of the clips that the tests have.

Other windows, directions and speeds of the clips follow each other as shots do in a film. Enlarged
pictures lack the finest detail that a camera sees; a little of a camera's noise stands for it.
"""

import subprocess
from pathlib import Path
from typing import Final

from imageio_ffmpeg import get_ffmpeg_exe

from tests.servers.parts import FOOTAGE, REPOSITORY, installed

RATE: Final = 30
SIZE: Final = (1920, 1080)

LONG: Final = 60
QUICK: Final = 10
"""Seconds."""

STREET, CARTOON = "bikes.mp4", "bigbuckbunny.mp4"

SHOTS: Final = (
    # The street is 640 × 272 pixels, the cartoon 1280 × 720.
    (STREET, "crop=480:270:0:0"),
    (CARTOON, "null"),
    (STREET, "crop=480:270:160:0,hflip"),
    (CARTOON, "crop=960:540:320:90,reverse"),
    (STREET, "crop=480:270:x='160*t/9':y=0,reverse"),
    (CARTOON, "crop=960:540:0:180,hflip"),
    (STREET, "crop=416:234:112:20"),
    (CARTOON, "crop=1120:630:x='160*t/5':y=45"),
    (STREET, "crop=384:216:256:56,reverse,hflip"),
    (CARTOON, "hflip,reverse"),
)
"""Clips and what is shown of them, 63.7 s in all."""

NOISE: Final = "noise=c0s=3:c0f=t"
CACHE: Final = REPOSITORY / ".cache" / "bench"


def footage(seconds: int) -> Path:
    """The first ``seconds`` of the video, with sound, from the cache where it is there already.

    H.264 in 8 bits as cameras and editors write it: nearly without loss, 30 frames a second, key
    frames where the encoder wants them.

    Raises:
        PartMissing: the tests' parts are not installed.
        CalledProcessError: ffmpeg failed.
    """
    made = CACHE / f"footage-{seconds}s.mp4"
    if made.exists():
        return made
    CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = made.with_suffix(".new")
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    for clip, _ in SHOTS:
        command += ["-i", str(installed(FOOTAGE / clip))]
    command += ["-i", str(FOOTAGE / CARTOON), "-filter_complex", ";".join(_graph())]
    command += ["-map", "[video]", "-map", "[sound]", "-t", str(seconds)]
    command += [
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "18",
        "-c:a",
        "aac",
        "-b:a",
        "256k",
    ]
    command += ["-movflags", "+faststart", "-f", "mp4", str(unfinished)]
    subprocess.run(command, check=True)
    return unfinished.replace(made)


def _graph() -> list[str]:
    """The filters: shots one after another, each frame of the clips shown for one of the video."""
    width, height = SIZE
    graph = [
        f"[{number}:v]{window},setpts=N/{RATE}/TB,fps={RATE},"
        f"scale={width}:{height}:flags=lanczos,setsar=1,format=yuv420p[shot{number}]"
        for number, (_, window) in enumerate(SHOTS)
    ]
    shots = "".join(f"[shot{number}]" for number in range(len(SHOTS)))
    graph.append(f"{shots}concat=n={len(SHOTS)},{NOISE}[video]")
    graph.append(
        f"[{len(SHOTS)}:a]aformat=channel_layouts=stereo,aloop=-1:size={5 * 48_000}[sound]"
    )
    return graph
