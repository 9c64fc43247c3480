"""Runs the filters of a chain, one after another, each in a confined process of its own."""

import asyncio
import contextlib
import math
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from common import logs
from common.errors import NearcastError
from common.messages import Decision, Verdict
from ingest.filter.answers import MAX_SAID, Report, Request, parsed, short
from ingest.filter.errors import AnswerInvalid, FilterFailed, FilterTimedOut
from ingest.filter.model import Outcome, Subject, strictest
from ingest.filter.settings import FilterSettings, OnFailure
from ingest.filter.tools import MAX_WRITTEN
from ingest.inspect.probe import PACKAGES
from ingest.transcode.confinement import ENVIRONMENT, Confinement, confined
from ingest.transcode.processes import started

COMPLAINTS_KEPT: Final = 4096
"""Bytes of the last that a filter's process complained of, for the log."""

FFMPEG: Final = "IMAGEIO_FFMPEG_EXE"
"""What says where another ffmpeg is; all of the service's environment that filters learn."""

_log = logs.get(__name__)


async def run_chain(
    chain: Sequence[FilterSettings],
    subject: Subject,
    *,
    workspace: Path,
    on_progress: Callable[[float], None],
) -> Outcome:
    """What the filters of ``chain`` decide about ``subject``; the first that blocks is the last.

    A filter that fails, crashes, answers nonsense or takes too long is a verdict like others. When
    this is cancelled, the filter's process group is killed.

    Args:
        chain: checked with ``plugins.check_chain`` before.
        subject: the video.
        workspace: a folder in which each filter gets one of its own, removed at its end.
        on_progress: told what share of the chain is done, 0 to 1.

    Raises:
        OSError: ``workspace`` cannot be written to.
    """
    verdicts: list[Verdict] = []
    for number, entry in enumerate(chain):

        def tell(fraction: float, done: int = number) -> None:
            on_progress((done + fraction) / len(chain))

        verdicts.append(await _verdict(entry, subject, workspace / f"filter-{number}", tell))
        if verdicts[-1].decision is Decision.BLOCK:
            break
    on_progress(1.0)
    return Outcome(strictest(one.decision for one in verdicts), tuple(verdicts))


async def _verdict(
    entry: FilterSettings, subject: Subject, folder: Path, on_progress: Callable[[float], None]
) -> Verdict:
    clock = asyncio.get_running_loop()
    begun = clock.time()
    async with _asked(entry, subject, folder) as request:
        try:
            report = await _reported(entry, request, on_progress)
        except NearcastError as error:
            report = Report(failure=str(error))
    seconds = clock.time() - begun
    if report.answer is not None:
        return Verdict(entry.name, report.answer.decision, report.answer.evidence, None, seconds)
    failed = Decision.ALLOW if entry.on_failure is OnFailure.OPEN else Decision.REVIEW
    return Verdict(entry.name, failed, (), short(report.failure or ""), seconds)


@contextlib.asynccontextmanager
async def _asked(entry: FilterSettings, subject: Subject, folder: Path) -> AsyncIterator[Path]:
    """A new folder with the request of a filter; the value is the request's file."""
    request = Request(
        entry.kind, entry.options, subject, seconds=entry.timeout, memory=int(entry.memory)
    )
    file = folder / "request.json"

    def write() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # Options may hold a secret.
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(request))

    try:
        await asyncio.to_thread(write)
        yield file
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _reported(
    entry: FilterSettings, request: Path, on_progress: Callable[[float], None]
) -> Report:
    """What the filter's process says at its end.

    Raises:
        FilterFailed, FilterTimedOut, AnswerInvalid: as their names say.
    """
    try:
        async with (
            asyncio.timeout(entry.timeout),
            started(
                confined(
                    (sys.executable, "-P", "-m", "ingest.filter.child", request.name),
                    _confinement(entry),
                ),
                folder=request.parent,
                environment=_environment(),
            ) as process,
        ):
            assert process.stdout is not None
            assert process.stderr is not None
            complaints = asyncio.create_task(_last_of(process.stderr))
            try:
                report = await _heard(process.stdout, on_progress)
                if report is None:
                    _log.warning(
                        "a filter's process ended without an answer",
                        filter=entry.name,
                        said=await complaints,
                    )
                    raise FilterFailed(reason=_end_of(await process.wait()))
            finally:
                complaints.cancel()
                await asyncio.gather(complaints, return_exceptions=True)
    except TimeoutError as error:
        raise FilterTimedOut(seconds=entry.timeout) from error
    except OSError as error:
        raise FilterFailed(reason=f"it cannot be started ({error.strerror})") from error
    return report


async def _heard(pipe: asyncio.StreamReader, on_progress: Callable[[float], None]) -> Report | None:
    """The report that ends what a filter's process says; none where it ends without one."""
    heard = 0
    rest = b""
    while more := await pipe.read(1 << 16):
        heard += len(more)
        if heard > MAX_SAID:
            raise AnswerInvalid(reason=f"it is longer than {MAX_SAID} bytes")
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            report = parsed(line)
            if report.progress is None:
                return report
            on_progress(min(1.0, max(0.0, report.progress)))
    return None


async def _last_of(pipe: asyncio.StreamReader) -> str:
    last = b""
    while more := await pipe.read(1 << 16):
        last = (last + more)[-COMPLAINTS_KEPT:]
    return last.decode(errors="replace")


def _confinement(entry: FilterSettings) -> Confinement:
    processors = os.cpu_count() or 1
    return Confinement(
        memory=int(entry.memory),
        # Never before the timeout; it holds even when nobody is left to see to that.
        processor_seconds=math.ceil(entry.timeout) * processors + 1,
        output=MAX_WRITTEN,
    )


def _environment() -> dict[str, str]:
    given = {FFMPEG: os.environ[FFMPEG]} if FFMPEG in os.environ else {}
    return given | {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join([PACKAGES, *sys.path]),
        # The filter's own folder: it runs there.
        "HOME": ".",
        "TMPDIR": ".",
        # A thread per core would each reserve address space, and have nothing to do.
        "OPENBLAS_NUM_THREADS": "1",
    }


def _end_of(code: int) -> str:
    if code >= 0:
        return f"its process ended with status {code} and without an answer"
    names = {one.value: one.name for one in signal.Signals}
    return f"{names.get(-code, f'signal {-code}')} ended its process"
