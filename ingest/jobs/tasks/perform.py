"""Which work belongs to which kind of task."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from common.messages import encode
from ingest.jobs.model import TaskKind
from ingest.jobs.tasks.cleaning import clean
from ingest.jobs.tasks.copying import copy_package
from ingest.jobs.tasks.encoding import (
    encode_chunk,
    encode_track,
    take_pictures,
    take_subtitles,
)
from ingest.jobs.tasks.filtering import filter_source
from ingest.jobs.tasks.inspecting import inspect_source
from ingest.jobs.tasks.notifying import notify
from ingest.jobs.tasks.packaging import write_package
from ingest.jobs.tasks.publishing import publish
from ingest.jobs.tasks.tools import Tools
from ingest.jobs.worker import Assignment

_WORK: Final[Mapping[TaskKind, Callable[[Tools, Assignment], Awaitable[Any]]]] = {
    TaskKind.INSPECT: inspect_source,
    TaskKind.FILTER: filter_source,
    TaskKind.COPY: copy_package,
    TaskKind.ENCODE: encode_chunk,
    TaskKind.AUDIO: encode_track,
    TaskKind.PICTURES: take_pictures,
    TaskKind.SUBTITLES: take_subtitles,
    TaskKind.PACKAGE: write_package,
    TaskKind.PUBLISH: publish,
    TaskKind.CLEAN: clean,
    TaskKind.NOTIFY: notify,
}


class JobWork:
    """The work of jobs; see ``ingest.jobs.worker.Work``."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def perform(self, assignment: Assignment) -> bytes:
        """Does the work and answers its result as JSON."""
        return encode(await _WORK[assignment.task.kind](self._tools, assignment))

    async def discard(self, assignment: Assignment) -> None:
        """Deletes what an attempt wrote that was not committed."""
        while assignment.written:
            await self._tools.objects.delete(assignment.written[-1])
            assignment.written.pop()
