"""The clip that ``nearcast up`` uploads when the user names none."""

import asyncio
from pathlib import Path

from deploy.progress import ProgressDisplay
from ingest.transcode.runner import Progress, run
from ingest.transcode.sample import sample

STALL = 60.0
"""Seconds without progress after which making the clip is given up."""


async def make_sample(path: Path, display: ProgressDisplay) -> None:
    """Makes the clip at ``path``, unless it is there; half a clip never is.

    Raises:
        EncodeFailed: ffmpeg failed.
        EncodeStalled: it made no progress.
    """
    if await asyncio.to_thread(path.exists):
        return

    def on_progress(progress: Progress) -> None:
        display.show("Sample", 100 * progress.fraction)

    unfinished = path.with_name(f"unfinished-{path.name}")
    await run(sample(unfinished), on_progress=on_progress, stall_timeout=STALL)
    await asyncio.to_thread(unfinished.replace, path)
