"""Playlists as they are written: what each lists, in its own words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ingest.check.text import Attributes, Tag

RANKING = frozenset({"SCORE", "PATHWAY-ID"})
"""Attributes that only mean something among the variants of one multivariant playlist."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A part of a resource (rfc8216bis §4.4.4.2)."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Resource:
    """What a URI names, or a part of it."""

    uri: str
    """As written."""
    place: str | None
    """None where the URI leads nowhere."""
    part: ByteRange | None = None


@dataclass(frozen=True, slots=True)
class ListedSegment:
    """A segment as its playlist lists it."""

    resource: Resource
    duration: Fraction
    """EXTINF, in seconds."""
    map: Resource | None
    discontinuity: bool
    encrypted: bool
    gap: bool = False
    """Whether it is listed as one that is not there (§4.4.4.7)."""


@dataclass(frozen=True)
class MediaListing:
    """A media playlist."""

    place: str
    tags: tuple[Tag, ...]
    faults: tuple[str, ...]
    """What is wrong with how it is written, each a sentence without its subject."""
    segments: tuple[ListedSegment, ...]
    starts_right: bool
    """Whether its first line is EXTM3U."""

    @cached_property
    def named(self) -> Mapping[str, Tag]:
        """The first tag of each name."""
        return {tag.name: tag for tag in reversed(self.tags)}

    @property
    def target(self) -> int | None:
        """EXT-X-TARGETDURATION, in seconds."""
        tag = self.named.get("EXT-X-TARGETDURATION")
        return int(tag.value) if tag and tag.value.isdecimal() and len(tag.value) < 10 else None

    @property
    def iframes_only(self) -> bool:
        """Whether it lists single pictures."""
        return "EXT-X-I-FRAMES-ONLY" in self.named

    @property
    def interrupted(self) -> bool:
        """Whether there is a discontinuity in it."""
        return any(one.discontinuity for one in self.segments)

    @cached_property
    def duration(self) -> Fraction:
        """Seconds that it lists."""
        return sum((one.duration for one in self.segments), Fraction())


@dataclass(frozen=True)
class Entry:
    """A tag of a multivariant playlist that leads to a media playlist."""

    attributes: Attributes
    uri: str | None
    """As written; None of renditions that are inside of the variants."""
    place: str | None

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """The same of entries that say the same of the same playlist; what ranks them is theirs."""
        said = {key: value for key, value in self.attributes.raw.items() if key not in RANKING}
        return (self.place or self.uri, *sorted(said.items()))

    @property
    def label(self) -> str:
        """What it is called in findings."""
        return self.uri or self.attributes.get("NAME") or "one without a URI"


@dataclass(frozen=True)
class MultivariantListing:
    """A multivariant playlist."""

    place: str
    tags: tuple[Tag, ...]
    faults: tuple[str, ...]
    variants: tuple[Entry, ...]
    iframes: tuple[Entry, ...]
    media: tuple[Entry, ...]
    session_data: tuple[Attributes, ...]
    steering: Attributes | None
    variables: Mapping[str, str]
    """Of EXT-X-DEFINE, for media playlists that import them."""
    starts_right: bool

    @cached_property
    def named(self) -> Mapping[str, Tag]:
        """The first tag of each name."""
        return {tag.name: tag for tag in reversed(self.tags)}

    def group(self, kind: str, name: str | None) -> tuple[Entry, ...]:
        """The renditions of TYPE ``kind`` in the group ``name``."""
        return self._groups.get((kind, name), ())

    def grouped(self, kind: str, name: str | None) -> int:
        """A number that is the same of groups whose members say the same."""
        return self._identities.get((kind, name), 0)

    @cached_property
    def _groups(self) -> Mapping[tuple[str | None, str | None], tuple[Entry, ...]]:
        groups: dict[tuple[str | None, str | None], list[Entry]] = {}
        for one in self.media:
            key = one.attributes.get("TYPE"), one.attributes.get("GROUP-ID")
            groups.setdefault(key, []).append(one)
        return {key: tuple(members) for key, members in groups.items()}

    @cached_property
    def _identities(self) -> Mapping[tuple[str | None, str | None], int]:
        return {
            key: hash(tuple(one.identity for one in members))
            for key, members in self._groups.items()
        }

    def entries(self) -> Iterator[Entry]:
        """All that lead to media playlists."""
        yield from self.variants
        yield from self.media
        yield from self.iframes


Listing = MediaListing | MultivariantListing
