"""Where the bytes of a package come from: a folder, or an HTTP server. All of it is bounded."""

import asyncio
import os
import zlib
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp

from common.service import new_client_session
from ingest.check.errors import NotReadable
from ingest.check.listed import ByteRange
from ingest.check.places import NOWHERE, folder_of, resolved, same_origin

TIMEOUT: Final = aiohttp.ClientTimeout(total=120, sock_connect=5, sock_read=30)
MOST_REDIRECTS: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
CHUNK: Final = 1 << 18
HEAD: Final = 1 << 16
"""Bytes of a playlist within which it is seen to be a multivariant one."""
MOST_SIBLINGS: Final = 100
"""Playlists of a folder that are looked at."""
MOST_SILENCE: Final = 8
"""Requests in a row that a server may leave without an answer before no more are sent."""


class Unread(Exception):
    """Why one resource could not be read: the end of a sentence that begins with its name."""


class TooLarge(Unread):
    """It has more bytes than are read of such a thing."""

    def __init__(self, most: int) -> None:
        super().__init__(f"is larger than {most} bytes")


class Elsewhere(Unread):
    """It is not where it was asked for."""


class Reader(Protocol):
    """Reads resources by their place."""

    entry: str
    """The place of the playlist to begin with."""
    homes: tuple[str, ...]
    """Folders in which all of the package must lie."""

    async def read(self, place: str, part: ByteRange | None, most: int) -> bytes:
        """All of ``place``, or ``part`` of it, up to ``most`` bytes.

        Raises:
            Unread: it is not there, too large, or not to be read.
        """
        ...

    async def siblings(self) -> list[str]:
        """Places of the other playlists beside the entry, as far as that can be known."""
        ...

    def may_read(self, place: str) -> bool:
        """Whether ``place`` is one to ask for; what leads elsewhere is left alone."""
        ...


class FolderReader:
    """Reads a folder, and never anything outside of it."""

    def __init__(self, target: Path, names: tuple[str, ...]) -> None:
        """Reads ``target``: a playlist, or the entry of a folder, which often has one of ``names``.

        Raises:
            NotReadable: there is no playlist, or it cannot be known which is the entry.
        """
        try:
            entry = target if target.is_file() else _entry(target, names)
            self._folder = entry.parent.resolve()
        except (OSError, RuntimeError) as error:
            raise NotReadable(target=target, reason="it cannot be looked into") from error
        self.entry = urljoin(NOWHERE, entry.name)
        self.homes: tuple[str, ...] = (NOWHERE,)

    async def read(self, place: str, part: ByteRange | None, most: int) -> bytes:
        """See `Reader.read`."""
        return await asyncio.to_thread(self._read, place, part, most)

    async def siblings(self) -> list[str]:
        """See `Reader.siblings`."""
        paths = await asyncio.to_thread(lambda: sorted(self._folder.glob("*.m3u8"))[:MOST_SIBLINGS])
        places = [urljoin(NOWHERE, path.name) for path in paths]
        return [place for place in places if place != self.entry]

    def may_read(self, place: str) -> bool:
        """See `Reader.may_read`."""
        return place.startswith(NOWHERE)

    def _read(self, place: str, part: ByteRange | None, most: int) -> bytes:
        name = unquote(urlsplit(place.removeprefix(NOWHERE)).path)
        if "\0" in name:
            raise Unread("is no name of a file")
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._folder) or not path.is_file():
                raise Unread("is not in the folder")
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                wanted = part.length if part else size
                if wanted > most:
                    raise TooLarge(most)
                file.seek(part.offset if part else 0)
                data = file.read(wanted)
        except (OSError, RuntimeError) as error:
            # A circle of symbolic links is a RuntimeError.
            raise Unread("cannot be read") from error
        if len(data) < wanted:
            raise Unread("ends before its byte range does")
        return data


def _entry(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of ``names`` in ``folder``, a multivariant playlist, or else the only playlist.

    Raises:
        NotReadable: there is no playlist, or several of which none is known to be the entry.
        OSError: the folder cannot be read.
    """
    if not folder.exists():
        raise NotReadable(target=folder, reason="it does not exist")
    named = [folder / name for name in names if (folder / name).is_file()]
    if named and named[0].name == names[0]:
        return named[0]
    others = sorted(one for one in islice(folder.glob("*.m3u8"), MOST_SIBLINGS) if one.is_file())
    for path in [*named, *others]:
        with path.open("rb") as file:
            if b"#EXT-X-STREAM-INF" in file.read(HEAD):
                return path
    if named or len(others) == 1:
        return [*named, *others][0]
    if others:
        reason = f"none of its {len(others)} playlists is a multivariant one: name one of them"
        raise NotReadable(target=folder, reason=reason)
    below = next((one for name in names for one in folder.glob(f"*/{name}")), None)
    hint = f", but {below.relative_to(folder)} is" if below is not None else ""
    raise NotReadable(target=folder, reason=f"no {names[0]} is there{hint}")


class HttpReader:
    """Reads what one HTTP server has. Use as an asynchronous context manager."""

    def __init__(self, url: str, authority: Path | None) -> None:
        self.entry = url
        self.homes: tuple[str, ...] = ()
        self._authority = authority
        self._session: aiohttp.ClientSession | None = None
        self._silent = 0

    async def __aenter__(self) -> Self:
        """Open connections, and follow the redirects of the entry.

        Raises:
            NotReadable: the server does not answer.
            SettingsInvalid: the file of authorities holds none.
        """
        self._session = await new_client_session(
            self._authority, timeout=TIMEOUT, connections_per_host=8
        )
        try:
            async with self._session.get(
                self.entry, max_redirects=MOST_REDIRECTS, headers={"Accept-Encoding": "gzip"}
            ) as answer:
                self.entry = str(answer.url)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            await self._session.close()
            reason = str(error) or type(error).__name__
            raise NotReadable(target=self.entry, reason=reason) from error
        # Versions of one asset lie side by side, and may share what they list.
        self.homes = (urljoin(folder_of(self.entry), ".."),)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def siblings(self) -> list[str]:
        """See `Reader.siblings`: a server does not list what it has."""
        return []

    def may_read(self, place: str) -> bool:
        """See `Reader.may_read`."""
        return same_origin(place, self.entry)

    async def read(self, place: str, part: ByteRange | None, most: int) -> bytes:
        """See `Reader.read`."""
        if self._silent >= MOST_SILENCE:
            raise Unread("is not asked for: the server did not answer before")
        try:
            data = await self._answer(place, part, most)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._silent += 1
            reason = str(error) or "no answer in time"
            raise Unread(f"cannot be read ({reason})") from error
        self._silent = 0
        if part is not None and len(data) != part.length:
            raise Unread(f"has {len(data)} bytes in a range of {part.length}")
        return data

    async def _answer(self, place: str, part: ByteRange | None, most: int) -> bytes:
        assert self._session is not None
        headers = {"Accept-Encoding": "gzip" if part is None else "identity"}
        if part is not None:
            headers["Range"] = f"bytes={part.offset}-{part.end - 1}"
        for _ in range(MOST_REDIRECTS + 1):
            async with self._session.get(place, headers=headers, allow_redirects=False) as answer:
                if answer.status in REDIRECTS and "Location" in answer.headers:
                    target = resolved(place, answer.headers["Location"])
                    if target is None or not self.may_read(target):
                        raise Elsewhere("leads to another server, which is not asked")
                    place = target
                    continue
                if answer.status == 200 and part is not None:
                    raise Unread("answers 200 to a byte range, which asks for 206")
                if answer.status != (200 if part is None else 206):
                    raise Unread(f"answers {answer.status}")
                return await _body(answer, most)
        raise Unread(f"is redirected more than {MOST_REDIRECTS} times")


async def _body(answer: aiohttp.ClientResponse, most: int) -> bytes:
    coding = answer.headers.get("Content-Encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise Unread(f"has the unknown coding {coding[:40]!r}")
    inflate = zlib.decompressobj(wbits=31) if coding == "gzip" else None
    data = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        try:
            data += inflate.decompress(chunk, most + 1 - len(data)) if inflate else chunk
        except zlib.error as error:
            raise Unread("is not the gzip that it says it is") from error
        if len(data) > most:
            raise TooLarge(most)
    if inflate and not inflate.eof:
        raise Unread("ends before its gzip does")
    return bytes(data)
