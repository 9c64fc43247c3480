"""How good and how large renditions are."""

import json
import os
import subprocess
from pathlib import Path

import msgspec
from imageio_ffmpeg import get_ffmpeg_exe

from tests.bench.ingest.footage import RATE, SIZE
from tests.bench.ingest.rival import PLAYLIST

EVERY = 3
"""Every how-many-th frame is looked at: no multiple of it is the distance of B-frames' references
or of key frames alone, so that all kinds of frames are."""

COLOURS = "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"


class Quality(msgspec.Struct, frozen=True):
    """What a rendition is."""

    vmaf: float
    """The mean over frames, 0 to 100, against the source at the source's size."""
    size: int
    """Bytes of the init segment, once, and of all media segments."""


def quality_of(rendition: Path, source: Path) -> Quality:
    """What the rendition in the folder ``rendition``, which has a playlist, is beside ``source``.

    Raises:
        CalledProcessError: ffmpeg failed.
    """
    return Quality(_vmaf(rendition, source), size_of(rendition))


def size_of(rendition: Path) -> int:
    """Bytes of the rendition; its parts repeat one init segment."""
    segments = sum(path.stat().st_size for path in rendition.rglob("*.m4s"))
    return segments + min(rendition.rglob("init*.mp4")).stat().st_size


def _vmaf(rendition: Path, source: Path) -> float:
    width, height = SIZE
    log = rendition / "vmaf.json"
    # One says what its colours are and the other does not: unless told, ffmpeg would convert them.
    alike = f"settb=1/{RATE},setpts=N,setparams={COLOURS}"
    graph = (
        f"[0:v]{alike},scale={width}:{height}:flags=bicubic,format=yuv420p[made];"
        f"[1:v]{alike},format=yuv420p[meant];"
        f"[made][meant]libvmaf=n_threads={os.cpu_count()}:n_subsample={EVERY}"
        f":log_fmt=json:log_path={log}"
    )
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-i", str(rendition / PLAYLIST)]
    command += ["-i", str(source), "-filter_complex", graph, "-f", "null", "-"]
    subprocess.run(command, check=True)
    told: float = json.loads(log.read_bytes())["pooled_metrics"]["vmaf"]["mean"]
    return told
