"""From the text of a playlist to its listing (rfc8216bis §4)."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from typing import Final

from ingest.check.listed import (
    ByteRange,
    Entry,
    ListedSegment,
    Listing,
    MediaListing,
    MultivariantListing,
    Resource,
)
from ingest.check.places import resolved
from ingest.check.text import Attributes, Line, Tag, attributes_of, decimal, integer, lines_of

OF_MULTIVARIANT: Final = frozenset({
    "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA", "EXT-X-SESSION-DATA",
    "EXT-X-SESSION-KEY", "EXT-X-CONTENT-STEERING",
})  # fmt: skip
"""§4.4.6: tags that no media playlist has."""

OF_MEDIA: Final = frozenset({
    "EXTINF", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST", "EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY", "EXT-X-BYTERANGE",
    "EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP", "EXT-X-GAP",
})  # fmt: skip
"""§4.4.3, §4.4.4: tags that no multivariant playlist has."""

ONCE: Final = frozenset({
    "EXTM3U", "EXT-X-VERSION", "EXT-X-INDEPENDENT-SEGMENTS", "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-ENDLIST",
    "EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY", "EXT-X-CONTENT-STEERING",
})  # fmt: skip
"""Tags of which a playlist has no more than one."""

VARIABLE: Final = re.compile(r"\{\$([A-Za-z0-9_-]+)\}")
MOST_LINES: Final = 400_000
"""Tags and URIs of one playlist that are read."""
MOST_SEGMENTS: Final = 100_000
"""Of one playlist: those of two days."""
MOST_ENTRIES: Final = 1_000
"""Variants and renditions of one multivariant playlist."""

TOO_MANY_ENTRIES: Final = f"has more variants or renditions than the {MOST_ENTRIES} that are read"

MOST_OF_VARIABLE: Final = 1024
"""Characters of a variable's value, so that a list of them cannot grow without bound."""


def read_playlist(
    place: str, text: str, variables: Mapping[str, str] | None = None
) -> Listing | None:
    """The playlist at ``place``; None where ``text`` is none.

    Args:
        place: where it lies; its URIs are resolved against it.
        text: its whole text.
        variables: those of the multivariant playlist, for it to import (§4.4.2.3).
    """
    if not text.lstrip("\ufeff").startswith("#EXT") and "#EXTM3U" not in text[:4096]:
        return None
    items = tuple(islice(lines_of(text.lstrip("\ufeff")), MOST_LINES))
    reading = _Reading(place, text, items, variables or {})
    return reading.multivariant() if reading.is_multivariant else reading.media()


class _Reading:
    def __init__(
        self, place: str, text: str, items: tuple[Tag | Line, ...], imported: Mapping[str, str]
    ) -> None:
        self.place = place
        self.items = items
        self.tags = tuple(one for one in items if isinstance(one, Tag))
        self.starts_right = text.removeprefix("\ufeff").startswith("#EXTM3U")
        self.faults: list[str] = []
        names = {tag.name for tag in self.tags}
        self.is_multivariant = not OF_MULTIVARIANT.isdisjoint(names)
        if text.startswith("\ufeff"):
            self.faults.append("begins with a byte order mark")
        if "\ufffd" in text:
            self.faults.append("is not UTF-8")
        if self.is_multivariant and not OF_MEDIA.isdisjoint(names):
            self.faults.append("has tags of media playlists beside those of multivariant ones")
        if len(items) == MOST_LINES:
            self.faults.append(f"has more lines than the {MOST_LINES} that are read")
        counts = Counter(tag.name for tag in self.tags if tag.name in ONCE)
        self.faults += [f"has {name} {count} times" for name, count in counts.items() if count > 1]
        self.variables = dict(self._variables(imported))

    def _variables(self, imported: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for tag in self.tags:
            if tag.name != "EXT-X-DEFINE":
                continue
            attributes = self.attributes(tag)
            name, value = attributes.get("NAME"), attributes.get("VALUE")
            wanted = attributes.get("IMPORT")
            if name is not None and value is not None and len(value) <= MOST_OF_VARIABLE:
                yield name, value
            elif wanted is not None and wanted in imported:
                yield wanted, imported[wanted]
            elif attributes.get("QUERYPARAM") is None:
                self.fault(tag, "defines nothing")

    def fault(self, item: Tag | Line, what: str) -> None:
        name = item.name if isinstance(item, Tag) else "the URI"
        self.faults.append(f"line {item.line}: {name} {what}")

    def attributes(self, tag: Tag) -> Attributes:
        found = attributes_of(tag.value)
        for what in found.faults:
            self.fault(tag, what)
        return found

    def resource(self, uri: str, part: ByteRange | None = None) -> Resource:
        full = VARIABLE.sub(lambda match: self.variables.get(match[1], match[0]), uri)
        return Resource(uri=uri, place=resolved(self.place, full), part=part)

    def entry(self, attributes: Attributes, uri: str | None) -> Entry:
        place = self.resource(uri).place if uri is not None else None
        return Entry(attributes=attributes, uri=uri, place=place)

    def add(self, entries: list[Entry], entry: Entry) -> None:
        if len(entries) < MOST_ENTRIES:
            entries.append(entry)
        elif not self.faults or self.faults[-1] != TOO_MANY_ENTRIES:
            self.faults.append(TOO_MANY_ENTRIES)

    def multivariant(self) -> MultivariantListing:
        found: dict[str, list[Entry]] = {"variant": [], "iframes": [], "media": []}
        session: list[Attributes] = []
        steering, waiting = None, None
        for item in self.items:
            if isinstance(item, Line):
                if waiting is None:
                    self.fault(item, "stands behind no EXT-X-STREAM-INF")
                else:
                    self.add(found["variant"], self.entry(waiting, item.uri))
                waiting = None
                continue
            if waiting is not None:
                self.fault(item, "stands between EXT-X-STREAM-INF and its URI")
            match item.name:
                case "EXT-X-STREAM-INF":
                    waiting = self.attributes(item)
                case "EXT-X-I-FRAME-STREAM-INF" | "EXT-X-MEDIA":
                    kind = "media" if item.name == "EXT-X-MEDIA" else "iframes"
                    attributes = self.attributes(item)
                    self.add(found[kind], self.entry(attributes, attributes.get("URI")))
                case "EXT-X-SESSION-DATA":
                    session.append(self.attributes(item))
                case "EXT-X-CONTENT-STEERING":
                    steering = self.attributes(item)
        if waiting is not None:
            self.faults.append("ends behind an EXT-X-STREAM-INF that has no URI")
        return MultivariantListing(
            place=self.place,
            tags=self.tags,
            faults=tuple(self.faults),
            variants=tuple(found["variant"]),
            iframes=tuple(found["iframes"]),
            media=tuple(found["media"]),
            session_data=tuple(session),
            steering=steering,
            variables=self.variables,
            starts_right=self.starts_right,
        )

    def media(self) -> MediaListing:
        reading = _Segments(self).read()
        segments = tuple(islice(reading, MOST_SEGMENTS))
        if next(reading, None) is not None:
            self.faults.append(f"has more segments than the {MOST_SEGMENTS} that are read")
        return MediaListing(
            place=self.place,
            tags=self.tags,
            faults=tuple(self.faults),
            segments=segments,
            starts_right=self.starts_right,
        )


class _Segments:
    """What tags say of the segments behind them."""

    def __init__(self, reading: _Reading) -> None:
        self.reading = reading
        self.duration: Fraction | None = None
        self.range: str | None = None
        self.discontinuity = False
        self.gap = False
        self.map: Resource | None = None
        self.encrypted = False
        self.last: Resource | None = None

    def read(self) -> Iterator[ListedSegment]:
        for item in self.reading.items:
            if isinstance(item, Tag):
                self._tag(item)
                continue
            if self.duration is None:
                self.reading.fault(item, "has no EXTINF")
            part = self._part(item, self.range, item.uri) if self.range is not None else None
            self.last = self.reading.resource(item.uri, part)
            yield ListedSegment(
                resource=self.last,
                duration=self.duration or Fraction(),
                map=self.map,
                discontinuity=self.discontinuity,
                encrypted=self.encrypted,
                gap=self.gap,
            )
            self.duration, self.range, self.discontinuity = None, None, False
            self.gap = False

    def _tag(self, tag: Tag) -> None:
        match tag.name:
            case "EXTINF":
                self.duration = decimal(tag.value.partition(",")[0].strip())
                if self.duration is None or self.duration < 0:
                    self.reading.fault(tag, "has no duration")
                    self.duration = Fraction()
            case "EXT-X-BYTERANGE":
                self.range = tag.value
            case "EXT-X-DISCONTINUITY":
                self.discontinuity = True
            case "EXT-X-GAP":
                self.gap = True
            case "EXT-X-MAP":
                self._map(tag)
            case "EXT-X-KEY":
                method = self.reading.attributes(tag).get("METHOD")
                self.encrypted = method != "NONE"
            case "EXT-X-TARGETDURATION" | "EXT-X-VERSION" | "EXT-X-MEDIA-SEQUENCE":
                if integer(tag.value) is None:
                    self.reading.fault(tag, "has no number")
            case "EXT-X-PLAYLIST-TYPE" if tag.value not in {"VOD", "EVENT"}:
                self.reading.fault(tag, "is neither VOD nor EVENT")

    def _map(self, tag: Tag) -> None:
        attributes = self.reading.attributes(tag)
        uri, part = attributes.get("URI"), attributes.get("BYTERANGE")
        if uri is None:
            self.reading.fault(tag, "has no URI")
            return
        self.map = self.reading.resource(
            uri, self._part(tag, part if "@" in part else f"{part}@0", uri) if part else None
        )

    def _part(self, item: Tag | Line, text: str, uri: str) -> ByteRange | None:
        """§4.4.4.2: a length, and where it begins or else behind the range before it."""
        length, _, offset = text.partition("@")
        count, start = integer(length.strip()), integer(offset.strip())
        if start is None and not offset and self.last and self.last.uri == uri and self.last.part:
            start = self.last.part.end
        if not count or start is None:
            self.reading.fault(item, f"has the byte range {text[:40]!r}, which is none")
            return None
        return ByteRange(offset=start, length=count)
