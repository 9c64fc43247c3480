"""Starting a program in a process group of its own, and ending the whole group."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from ingest.transcode.confinement import Confinement, confined


@contextlib.asynccontextmanager
async def running(
    arguments: tuple[str, ...],
    *,
    confinement: Confinement,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program, confined; whatever way the block ends, nothing of it is left running.

    Both of its outputs are pipes, which the block should read to their ends.
    """
    process = await asyncio.create_subprocess_exec(
        *confined(arguments, confinement),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        cwd=folder,
        env=environment,
    )
    try:
        yield process
    finally:
        # Also after a good end: a grandchild may be left, and killing nothing does no harm.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.shield(_reap(process))


async def _reap(process: asyncio.subprocess.Process) -> None:
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            while await pipe.read(1 << 16):
                pass
    await process.wait()
