"""Reads a whole package: its playlists, then everything that they list, and measures that."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from ingest.check.assemble import WEBVTT_ENDINGS, Found, Key, assemble, ending_of, key_of
from ingest.check.errors import NotLookedInto, NotReadable
from ingest.check.fragments import measured, measured_picture
from ingest.check.inits import codecs_beside_first, init_of
from ingest.check.listed import Listing, MediaListing, MultivariantListing, Resource
from ingest.check.listing import read_playlist
from ingest.check.model import Measured, Package, Problem, Trouble
from ingest.check.parts import picture_of
from ingest.check.places import folder_of, shown
from ingest.check.readers import Elsewhere, Reader, TooLarge, Unread
from ingest.check.transport import read_transport
from ingest.check.webvtt import sized, text_segment
from ingest.package.errors import PartInvalid
from ingest.package.segments import Defaults

MOST_PLAYLIST: Final = 4 << 20
"""Bytes: the key frames of a day, each a byte range, take as much."""
MOST_INIT: Final = 1 << 20
MOST_SEGMENT: Final = 64 << 20
MOST_PLAYLISTS: Final = 500
MOST_LINES: Final = 1_500_000
"""Of all playlists together but the entry."""
AT_ONCE: Final = 8
"""Resources that are read at the same time."""

PACKED: Final = frozenset({".aac", ".mp3", ".ac3", ".ec3"})
"""Endings of packed audio (rfc8216bis §3.1.3), which is not looked into."""

Progress = Callable[[int, int], None]
"""Called with the number of resources that were read, and of all."""


class _Work(NamedTuple):
    """A segment to measure."""

    key: Key
    init: Key | None
    picture: bool
    encrypted: bool


async def load(reader: Reader, progress: Progress) -> Package:
    """The package behind ``reader``.

    Raises:
        NotReadable: its entry is no playlist.
    """
    return await _Loader(reader, progress).load()


class _Loader:
    def __init__(self, reader: Reader, progress: Progress) -> None:
        self.reader = reader
        self.progress = progress
        self.root = folder_of(reader.entry)
        self.found = Found()
        self.defaults: dict[Key, tuple[Defaults, str]] = {}
        self.done, self.total = 0, 0
        self.lines = 0
        self.lost: set[str] = set()
        """Places of what could not be read or understood."""

    async def load(self) -> Package:
        multivariants, media = await self._playlists()
        work = [one for one in _work(media.values()) if self.reader.may_read(one.key[0])]
        inits = dict.fromkeys(one.init for one in work if one.init is not None)
        self.total = len(inits) + len(work)
        await self._each((self._init(key) for key in inits), len(inits))
        # Pictures last: most of them are in segments that are known by then.
        for pictures in (False, True):
            chosen = [one for one in work if one.picture is pictures]
            await self._each((self._segment(one) for one in chosen), len(chosen))
        return assemble(self.root, self.reader.homes, multivariants, media, self.found)

    async def _playlists(self) -> tuple[list[MultivariantListing], dict[str, MediaListing]]:
        entry = await self._entry()
        if isinstance(entry, MediaListing):
            return [], {entry.place: entry}
        multivariants = [entry]
        for place in await self.reader.siblings():
            other = await self._playlist(place, {})
            if isinstance(other, MultivariantListing):
                multivariants.append(other)
        wanted = {
            one.place: listing.variables
            for listing in multivariants
            for one in listing.entries()
            if one.place is not None and self.reader.may_read(one.place)
        }
        if len(wanted) > MOST_PLAYLISTS:
            reason = f"leads to more than {MOST_PLAYLISTS} playlists; the rest is not looked at"
            self._trouble(entry.place, Trouble.LIMIT, reason)
        media: dict[str, MediaListing] = {}

        async def one(place: str) -> None:
            if self.lines > MOST_LINES:
                # What is read no more is told once: of the one that was too many.
                return
            listing = await self._playlist(place, wanted[place])
            if isinstance(listing, MediaListing):
                media[place] = listing
            elif listing is not None:
                reason = "is a multivariant playlist where a media playlist belongs"
                self._trouble(place, Trouble.BROKEN, reason)

        chosen = list(wanted)[:MOST_PLAYLISTS]
        await self._each((one(place) for place in chosen), len(chosen))
        # In the order they are listed in, whichever came first.
        return multivariants, {place: media[place] for place in chosen if place in media}

    async def _entry(self) -> Listing:
        try:
            data = await self.reader.read(self.reader.entry, None, MOST_PLAYLIST)
        except Unread as error:
            name = shown(self.root, self.reader.entry)
            raise NotReadable(target=name, reason=f"it {error}") from error
        listing = await asyncio.to_thread(read_playlist, self.reader.entry, _text(data))
        if listing is None:
            name = shown(self.root, self.reader.entry)
            raise NotReadable(target=name, reason="it is no playlist")
        return listing

    async def _playlist(self, place: str, variables: Mapping[str, str]) -> Listing | None:
        data = await self._bytes((place, None), MOST_PLAYLIST)
        if data is None:
            return None
        self.lines += data.count(b"\n")
        if self.lines > MOST_LINES:
            reason = (
                f"is one too many: playlists have over {MOST_LINES} lines together, and the rest "
                "is not looked at"
            )
            self._trouble(place, Trouble.LIMIT, reason)
            return None
        listing = await asyncio.to_thread(read_playlist, place, _text(data), variables)
        if listing is None:
            self._trouble(place, Trouble.BROKEN, "is no playlist")
        return listing

    async def _init(self, key: Key) -> None:
        data = await self._bytes(key, MOST_INIT)
        if data is not None:
            try:
                facts, defaults = init_of(shown(self.root, key[0]), data)
            except NotLookedInto as error:
                self._trouble(key[0], Trouble.STRANGE, str(error))
            except PartInvalid as error:
                self._not_understood(key, error)
            else:
                beside = codecs_beside_first(data)
                if beside and not facts.width:
                    reason = "has its pictures behind another track, and is not looked into"
                    self._trouble(key[0], Trouble.STRANGE, reason)
                else:
                    self.found.inits[key] = facts
                    self.found.codecs[key] = beside
                    self.defaults[key] = defaults, facts.codec
        self._one_done()

    async def _segment(self, work: _Work) -> None:
        if work.picture and work.key[0] in self.lost:
            # What is wrong with the segment that it is in was said.
            pass
        elif not self._known_picture(work):
            data = await self._bytes(work.key, MOST_SEGMENT)
            if data is not None:
                try:
                    await asyncio.to_thread(self._measure, work, data)
                except PartInvalid as error:
                    self._not_understood(work.key, error)
        self._one_done()

    def _known_picture(self, work: _Work) -> bool:
        """Whether ``work`` is a key frame of a segment that was measured whole."""
        place, part = work.key
        whole = self.found.segments.get((place, None))
        if whole is None or part is None:
            return False
        # Where a longer range ends is told by its bytes alone.
        exact = any(one.size == part.length for one in whole.facts.key_frames)
        picture = picture_of(whole.facts, part) if exact else None
        if picture is not None:
            self.found.segments[work.key] = picture
        return picture is not None

    def _measure(self, work: _Work, data: bytes) -> None:
        name = shown(self.root, work.key[0])
        if work.encrypted:
            self._trouble(work.key[0], Trouble.STRANGE, "is encrypted and not looked into")
        elif data.removeprefix(b"\xef\xbb\xbf")[:6] == b"WEBVTT":
            self.found.segments[work.key] = text_segment(name, data)
        elif work.init is not None:
            if work.init not in self.defaults:
                return
            defaults, codec = self.defaults[work.init]
            read = measured_picture if work.picture else measured
            self.found.segments[work.key] = read(name, data, defaults, codec)
        elif work.picture:
            self.found.segments[work.key] = _transport_picture(name, data)
        elif data[:1] == b"\x47":
            transport = read_transport(name, data)
            self.found.segments[work.key] = transport.measured
            self.found.codecs[work.key] = transport.codecs
            if transport.torn is not None:
                reason = f"lacks packets: their count jumps at byte {transport.torn}"
                self._trouble(work.key[0], Trouble.BROKEN, reason)
        else:
            packed = ending_of(Resource("", work.key[0])) in PACKED
            text = ending_of(Resource("", work.key[0])) in WEBVTT_ENDINGS
            reason = "does not begin with WEBVTT" if text else "is no segment"
            reason = "is packed audio, which is not looked into" if packed else reason
            trouble = Trouble.STRANGE if packed else Trouble.BROKEN
            self._trouble(work.key[0], trouble, reason)

    async def _bytes(self, key: Key, most: int) -> bytes | None:
        try:
            return await self.reader.read(key[0], key[1], most)
        except Elsewhere as error:
            self._trouble(key[0], Trouble.STRANGE, str(error))
        except TooLarge as error:
            self._trouble(key[0], Trouble.LIMIT, str(error))
        except Unread as error:
            self._trouble(key[0], Trouble.MISSING, str(error))
        return None

    async def _each(self, tasks: Iterable[Awaitable[None]], count: int) -> None:
        """Runs ``tasks``, `AT_ONCE` at the same time."""
        waiting = iter(tasks)

        async def worker() -> None:
            for task in waiting:
                await task

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, count)):
                group.create_task(worker())

    def _trouble(self, place: str, trouble: Trouble, reason: str) -> None:
        self.lost.add(place)
        self.found.problems.append(Problem(place, trouble, reason))

    def _not_understood(self, key: Key, error: PartInvalid) -> None:
        about, reason = str(error.facts["name"]), str(error.facts["reason"])
        strange = reason.startswith(("its codec", "it does not say"))
        trouble = Trouble.STRANGE if strange else Trouble.BROKEN
        where = "" if about == shown(self.root, key[0]) else f" ({about})"
        self._trouble(key[0], trouble, f"is not understood: {reason}{where}")

    def _one_done(self) -> None:
        self.done += 1
        self.progress(self.done, self.total)


def _work(listings: Iterable[MediaListing]) -> Iterator[_Work]:
    seen: set[Key] = set()
    for listing in listings:
        for segment in listing.segments:
            key = key_of(segment.resource)
            if key is None or key in seen or segment.gap:
                continue
            seen.add(key)
            init = key_of(segment.map) if segment.map is not None else None
            picture = listing.iframes_only and segment.resource.part is not None
            yield _Work(key, init, picture, segment.encrypted)


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _transport_picture(name: str, data: bytes) -> Measured:
    """A byte range of a transport stream, whose tables need not be in it (§4.4.3.6)."""
    idr = None
    with contextlib.suppress(PartInvalid):
        idr = read_transport(name, data).measured.idr
    return Measured(sized(name, data, 1), idr=idr)
