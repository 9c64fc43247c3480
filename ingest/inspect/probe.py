"""Inspect a file from the event loop: the reading happens in a confined process."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from ingest.inspect import errors
from ingest.inspect.finding import Finding
from ingest.inspect.limits import InspectionLimits
from ingest.inspect.media import MediaInfo
from ingest.transcode.confinement import Confinement
from ingest.transcode.processes import running

MAX_ANSWER = 1 << 20
"""Bytes; a finding is far smaller."""


async def inspect(path: Path, limits: InspectionLimits) -> MediaInfo:
    """What is in the file at ``path``, read from end to end, its first frame decoded.

    Raises:
        UploadRefused: one of its classes for each way in which the file is no good.
    """
    confinement = Confinement(
        memory=int(limits.memory), processor_seconds=limits.processor_seconds, output=1
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C.UTF-8"}
    try:
        async with (
            asyncio.timeout(limits.wall_seconds),
            running(_arguments(path), confinement=confinement, environment=environment) as process,
        ):
            assert process.stdout is not None
            answer = await process.stdout.read(MAX_ANSWER)
            while more := await process.stdout.read(MAX_ANSWER):
                answer += more
            code = await process.wait()
    except TimeoutError as error:
        raise errors.InspectionTooSlow(seconds=limits.wall_seconds) from error
    return _verdict(answer, code)


def _arguments(path: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "ingest.inspect.child", str(path.absolute()))


def _verdict(answer: bytes, code: int) -> MediaInfo:
    try:
        finding = msgspec.json.decode(answer, type=Finding)
    except msgspec.DecodeError as error:
        reason = f"signal {-code} ended it" if code < 0 else f"it ended with status {code}"
        raise errors.InspectionFailed(reason=reason) from error
    if finding.media is not None:
        return finding.media
    mistake = getattr(errors, finding.error or "", errors.InspectionFailed)
    raise mistake(**finding.facts)
