"""Sends a file with tus: it goes on where it was after a lost connection, and after its own end.

Where an unfinished upload is stands in a small file among the user's caches, named for the server,
the title and the file's path, size and time of change: a file that has changed is another.
"""

import asyncio
import base64
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import aiohttp

from common.service import write_atomically
from deploy.client import Answer, Api, NotReached

UPLOADS: Final = "/v1/uploads"
SLICE: Final = 1024 * 1024
"""Bytes read and sent at once."""
PATIENCE: Final = 60.0
"""Seconds without any more bytes on the server after which sending ends."""

_VERSION: Final = {"Tus-Resumable": "1.0.0"}
_PAUSES: Final = (0.2, 0.5, 1.0, 2.0, 4.0)
_PASSING: Final = frozenset({408, 409, 423, 429, 460, 500, 502, 503, 504})
"""Statuses after which the same file may still be taken: it is asked how far it is."""
_GONE: Final = frozenset({403, 404, 410})
_TIMES: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)


async def send_file(api: Api, file: Path, title: str, on_sent: Callable[[int], None]) -> str:
    """Uploads ``file``, and goes on with an upload of it that was broken off.

    Args:
        api: where to.
        file: the video.
        title: its title.
        on_sent: told how many of its bytes are sent.

    Returns:
        The job's id.

    Raises:
        NotReached: the server stays away.
        OSError: the file cannot be read.
        Refused: the server refuses it.
    """
    upload = _Upload(api, file, title, on_sent)
    await upload.find()
    return await upload.run()


class _Upload:
    def __init__(self, api: Api, file: Path, title: str, on_sent: Callable[[int], None]) -> None:
        self._api = api
        self._file = file
        self._title = title
        self._on_sent = on_sent
        self._size = 0
        self._offset = 0
        self._place: str | None = None
        self._note = Path()

    async def find(self) -> None:
        """Looks up where an earlier upload of the same file is."""
        status = await asyncio.to_thread(self._file.stat)
        self._size = status.st_size
        what = f"{self._api.ingest}\n{self._title}\n{self._file.absolute()}\n"
        what += f"{status.st_size}\n{status.st_mtime_ns}"
        name = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()
        self._note = _caches() / "uploads" / name
        with contextlib.suppress(OSError, UnicodeDecodeError):
            self._place = await asyncio.to_thread(self._note.read_text)

    async def run(self) -> str:
        """Sends what is missing; the job's id."""
        loop = asyncio.get_running_loop()
        moved, failures = loop.time(), 0
        known = self._place is None
        while True:
            before = self._offset
            try:
                answer = await (self._send() if known else self._look())
            except NotReached:
                if loop.time() - moved > PATIENCE:
                    raise
                known = self._place is None
            else:
                if (job_id := answer.headers.get("Nearcast-Job")) is not None:
                    await asyncio.to_thread(self._note.unlink, missing_ok=True)
                    return job_id
                known = self._judge(answer, patient=loop.time() - moved <= PATIENCE)
                if answer.status < 400:
                    failures = 0 if self._offset > before else failures
                    moved = loop.time() if self._offset > before else moved
                    continue
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    def _judge(self, answer: Answer, *, patient: bool) -> bool:
        """Whether it is known how far the upload is.

        Raises:
            Refused: the answer says that it will never be whole.
        """
        if answer.status < 400:
            self._offset = int(answer.headers["Upload-Offset"])
            self._on_sent(self._offset)
            return True
        if answer.status in _GONE and self._place is not None and patient:
            self._place, self._offset = None, 0
            return True
        if answer.status not in _PASSING or not patient:
            answer.check()
        return self._place is None

    async def _look(self) -> Answer:
        return await self._api.at_ingest(
            "HEAD", self._place or "", headers=_VERSION, timeout=_TIMES
        )

    async def _send(self) -> Answer:
        """Begins the upload, or sends what is missing of it."""
        if self._place is None:
            return await self._begin()
        return await self._api.at_ingest(
            "PATCH",
            self._place,
            headers={
                **_VERSION,
                "Content-Type": "application/offset+octet-stream",
                "Content-Length": str(self._size - self._offset),
                "Upload-Offset": str(self._offset),
            },
            data=self._slices(),
            timeout=_TIMES,
        )

    async def _begin(self) -> Answer:
        told = {"title": self._title, "filename": self._file.name}
        pairs = (f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in told.items())
        answer = await self._api.at_ingest(
            "POST",
            UPLOADS,
            headers={
                **_VERSION,
                "Upload-Length": str(self._size),
                "Upload-Metadata": ",".join(pairs),
            },
            timeout=_TIMES,
        )
        if answer.status < 400:
            self._place = answer.headers["Location"]
            await asyncio.to_thread(_remember, self._note, self._place)
        return answer

    async def _slices(self) -> AsyncIterator[bytes]:
        sent = self._offset
        handle = await asyncio.to_thread(self._file.open, "rb")
        try:
            await asyncio.to_thread(handle.seek, sent)
            while data := await asyncio.to_thread(handle.read, min(SLICE, self._size - sent)):
                yield data
                sent += len(data)
                self._on_sent(sent)
        finally:
            await asyncio.to_thread(handle.close)


def _caches() -> Path:
    """The folder of this program's caches (XDG Base Directory Specification)."""
    told = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(told) if Path(told).is_absolute() else Path.home() / ".cache") / "nearcast"


def _remember(note: Path, place: str) -> None:
    # Without it only a later run cannot go on.
    with contextlib.suppress(OSError):
        write_atomically(note, place.encode())
