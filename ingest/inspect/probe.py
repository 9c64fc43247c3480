"""Inspect a file from the event loop: the reading happens in a confined process."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

import ingest
from ingest.inspect import errors
from ingest.inspect.finding import Finding
from ingest.inspect.limits import InspectionLimits, MediaLimits
from ingest.inspect.media import MediaInfo
from ingest.transcode.confinement import CRASHES, ENVIRONMENT, Confinement, orders
from ingest.transcode.processes import started

MAX_ANSWER: Final = 1 << 20
"""Bytes; a finding is far smaller."""

DEFAULT_LIMITS: Final = MediaLimits()

PACKAGES: Final = str(Path(ingest.__path__[0]).parent)
"""The folder that the packages of Nearcast are in."""


async def inspect(
    path: Path, cost: InspectionLimits, limits: MediaLimits = DEFAULT_LIMITS
) -> MediaInfo:
    """What is in the file at ``path``, which is within ``limits``: read from end to end, its first
    frame decoded.

    Raises:
        UploadRefused: one of its classes for each way in which the file is no good. The status is
            500 or more where that is not the file's fault.
    """
    try:
        async with (
            asyncio.timeout(cost.wall_seconds),
            started(_arguments(path, cost, limits), environment=_environment()) as process,
        ):
            assert process.stdout is not None
            assert process.stderr is not None
            answer, _ = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            code = await process.wait()
    except TimeoutError as error:
        raise errors.InspectionTooSlow(seconds=cost.wall_seconds) from error
    except OSError as error:
        raise errors.InspectionInterrupted(reason=str(error)) from error
    return _verdict(answer, code)


async def _bounded(pipe: asyncio.StreamReader) -> bytes:
    """The first of what comes through ``pipe``, which is read to its end."""
    kept = b""
    while more := await pipe.read(1 << 16):
        kept += more[: MAX_ANSWER - len(kept)]
    return kept


def _arguments(path: Path, cost: InspectionLimits, limits: MediaLimits) -> tuple[str, ...]:
    confinement = Confinement(
        memory=int(cost.memory), processor_seconds=cost.processor_seconds, output=1
    )
    # Without the folder it is started in and without site, which only looks for more to import.
    return (
        *(sys.executable, "-P", "-S", "-m", "ingest.inspect.child"),
        *orders(confinement),
        msgspec.json.encode(limits, enc_hook=int).decode(),
        str(path.absolute()),
    )


def _environment() -> dict[str, str]:
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([PACKAGES, *sys.path])}


def _verdict(answer: bytes, code: int) -> MediaInfo:
    if -code == signal.SIGXCPU:
        raise errors.InspectionTooCostly(what="processor time")
    if -code in CRASHES:
        raise errors.FileUnsafe(signal=signal.Signals(-code).name)
    try:
        finding = msgspec.json.decode(answer, type=Finding)
    except msgspec.DecodeError as error:
        if code == 0:
            raise errors.InspectionFailed(reason="what was found cannot be told") from error
        reason = f"signal {-code} ended it" if code < 0 else f"it ended with status {code}"
        raise errors.InspectionInterrupted(reason=reason) from error
    if finding.media is not None:
        return finding.media
    mistake = getattr(errors, finding.error or "", errors.InspectionFailed)
    raise mistake(**finding.facts)
