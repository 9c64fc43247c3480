"""Starting a program in a process group of its own, and ending the whole group."""

import asyncio
import contextlib
import functools
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from common import logs
from ingest.transcode.confinement import ENVIRONMENT, Confinement, confined, shortcomings

_log = logs.get(__name__)


@contextlib.asynccontextmanager
async def running(
    arguments: tuple[str, ...],
    *,
    confinement: Confinement,
    folder: Path | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program, confined; whatever way the block ends, nothing of it is left running.

    Both of its outputs are pipes, which the block should read to their ends.
    """
    async with started(
        confined(arguments, confinement), folder=folder, environment=ENVIRONMENT
    ) as process:
        yield process


@contextlib.asynccontextmanager
async def started(
    arguments: tuple[str, ...], *, environment: Mapping[str, str], folder: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program that confines itself; else as ``running``."""
    _tell_shortcomings()
    process = await asyncio.create_subprocess_exec(
        *arguments,
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


@functools.cache
def _tell_shortcomings() -> None:
    for shortcoming in shortcomings():
        _log.warning("programs that read uploads are confined less", because=shortcoming)
