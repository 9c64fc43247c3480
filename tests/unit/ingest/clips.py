"""Small clips made with the real encoder, each only once per test run."""

import atexit
import functools
import subprocess
import tempfile
from pathlib import Path

import imageio_ffmpeg

_folder = tempfile.TemporaryDirectory(prefix="nearcast-clips-")
atexit.register(_folder.cleanup)

FOLDER = Path(_folder.name)


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg with `arguments`, silently, in the folder of the clips."""
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments],
        check=True,
        cwd=FOLDER,
    )


@functools.cache
def clip(
    name: str,
    *output: str,
    seconds: float = 2,
    size: str = "160x90",
    rate: str = "30",
    sound: bool = True,
) -> Path:
    """A test picture and a tone in a file called `name`, made with the `output` options."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    if sound:
        inputs += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    encoder = () if "-c:v" in output else ("-c:v", "libx264", "-preset", "ultrafast")
    ffmpeg(*inputs, *encoder, *output, name)
    return FOLDER / name


def rewritten(source: Path, name: str, content: bytes) -> Path:
    """A file called `name` beside `source`, with `content`."""
    target = source.with_name(name)
    target.write_bytes(content)
    return target


@functools.cache
def jpegs() -> list[bytes]:
    """Pictures of 64 by 48, a second of 25."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-f", "mjpeg", "frames")
    start = b"\xff\xd8"
    return [start + rest for rest in (FOLDER / "frames").read_bytes().split(start)[1:]]
