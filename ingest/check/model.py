"""A package as it is checked: its playlists as written, and the facts of what they list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

from ingest.check.places import shown
from ingest.check.text import Attributes, Tag
from ingest.package.bandwidth import Measured as Rated
from ingest.package.bandwidth import average, peak
from ingest.package.facts import InitFacts, SegmentFacts

CLOCK = 90_000
"""Units per second of times in transport streams (ISO/IEC 13818-1 §2.4.2.1)."""


class Role(StrEnum):
    """What a media playlist is."""

    VIDEO = "video"
    AUDIO = "audio"
    SUBTITLES = "subtitles"
    IFRAMES = "I-frames"
    UNKNOWN = "unknown"


class Container(StrEnum):
    """What its segments are."""

    FMP4 = "fMP4"
    TS = "TS"
    WEBVTT = "WebVTT"
    UNKNOWN = "unknown"


class Trouble(StrEnum):
    """Why something could not be looked at."""

    MISSING = "missing"
    BROKEN = "broken"
    STRANGE = "strange"
    LIMIT = "limit"


@dataclass(frozen=True)
class Problem:
    """Something that could not be looked at."""

    place: str
    trouble: Trouble
    reason: str
    """The end of a sentence whose beginning is the place."""


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
        return tuple(
            one
            for one in self.media
            if one.attributes.get("TYPE") == kind and one.attributes.get("GROUP-ID") == name
        )

    def entries(self) -> Iterator[Entry]:
        """All that lead to media playlists."""
        yield from self.variants
        yield from self.media
        yield from self.iframes


Listing = MediaListing | MultivariantListing


@dataclass(frozen=True, slots=True)
class Measured:
    """What the bytes of a listed segment say."""

    facts: SegmentFacts
    key_times: tuple[int, ...] | None = None
    """Decode times of its key frames; None where it is not known."""
    idr: bool | None = None
    """Whether its first picture is an IDR picture, by its header; None where it is not known."""
    timestamp_map: bool | None = None
    """Of WebVTT: whether it has an X-TIMESTAMP-MAP."""


@dataclass(frozen=True)
class Track:
    """A media playlist with the facts of what it lists."""

    listing: MediaListing
    role: Role
    container: Container
    inits: tuple[InitFacts, ...]
    """Those that could be read of its init segments, in order, each once."""
    segments: tuple[Measured | None, ...]
    """One for each that is listed; None where it could not be measured."""
    codecs: frozenset[str] = frozenset()
    """Sample entry names, such as ``mp4a``, of what is in it beside its first init segment's
    first track: of transport streams, all."""
    clock: int = CLOCK
    """Units per second of times where there is no init segment."""

    @property
    def init(self) -> InitFacts | None:
        """Its first init segment."""
        return self.inits[0] if self.inits else None

    @property
    def timescale(self) -> int:
        """Units per second of decode times and durations; at least 1."""
        return max(self.init.timescale, 1) if self.init else self.clock

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """All segments in a row where every one has a duration, else none."""
        known = tuple(one for one in self.segments if one is not None and one.facts.duration > 0)
        return known if known and len(known) == len(self.listing.segments) else ()

    def seconds(self, units: int) -> Fraction:
        """``units`` of its time, in seconds."""
        return Fraction(units, self.timescale)

    @cached_property
    def duration(self) -> Fraction:
        """Seconds that its samples last, or that it lists where they are not known."""
        if not self.measured:
            return self.listing.duration
        return self.seconds(sum(one.facts.duration for one in self.measured))

    @cached_property
    def sizes(self) -> list[Rated]:
        """Segments as rates are made of them; none where one could not be measured.

        Durations are those of samples where they are known, for EXTINF are rounded, and a segment
        more or less in a row of them makes another peak.
        """
        exact = self.role in {Role.VIDEO, Role.AUDIO}
        sizes = []
        for segment, one in zip(self.listing.segments, self.segments, strict=True):
            if one is None or segment.duration <= 0:
                return []
            known = exact and one.facts.duration > 0
            duration = self.seconds(one.facts.duration) if known else segment.duration
            sizes.append(Rated(one.facts.size, duration))
        return sizes

    @cached_property
    def peak(self) -> int | None:
        """bit/s of its peak segment bit rate, None where that is not known."""
        return peak(self.sizes, self.listing.target or 1) if self.sizes else None

    @cached_property
    def average(self) -> int | None:
        """bit/s over all of it, None where that is not known."""
        return average(self.sizes) if self.sizes else None

    @cached_property
    def frame(self) -> Fraction:
        """Seconds of a sample, as most of it has them; 0 where that is not known."""
        known = [one for one in self.measured if one.facts.sample_count]
        if not known:
            return Fraction()
        lengths = sorted(self.seconds(one.facts.duration) / one.facts.sample_count for one in known)
        return lengths[len(lengths) // 2]


@dataclass(frozen=True)
class Package:
    """All that is checked."""

    root: str
    """The folder of its entry."""
    homes: tuple[str, ...]
    """Folders in which all of it must lie."""
    multivariants: tuple[MultivariantListing, ...]
    """The entry first, then the profiles beside it; none of a media playlist on its own."""
    tracks: Mapping[str, Track]
    """By place."""
    problems: tuple[Problem, ...] = field(default=())

    def name(self, place: str) -> str:
        """``place`` as people read it."""
        return shown(self.root, place)

    def of(self, entry: Entry) -> Track | None:
        """The track that ``entry`` leads to."""
        return self.tracks.get(entry.place) if entry.place is not None else None

    def with_role(self, *roles: Role) -> Iterator[tuple[str, Track]]:
        """Names and tracks of those roles."""
        for place, track in self.tracks.items():
            if track.role in roles:
                yield self.name(place), track

    def listings(self) -> Iterator[tuple[str, Listing]]:
        """Names and playlists, all of them."""
        for one in self.multivariants:
            yield self.name(one.place), one
        for place, track in self.tracks.items():
            yield self.name(place), track.listing
