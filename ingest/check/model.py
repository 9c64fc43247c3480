"""A package as it is checked: its playlists as written, and the facts of what they list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from ingest.check.listed import Entry, Listing, MediaListing, MultivariantListing
from ingest.check.places import shown
from ingest.package.bandwidth import Measured as Rated
from ingest.package.bandwidth import average, peak
from ingest.package.facts import InitFacts, SegmentFacts

CLOCK = 90_000
"""Units per second of times in transport streams (ISO/IEC 13818-1 §2.4.2.1)."""
CLOCK_TURN = 1 << 33
"""Units after which their clock begins anew."""


MPEG_AUDIO = "mpeg-audio"
"""What is in a transport stream beside codecs of MP4: MPEG-1 and MPEG-2 audio."""
OTHER = "other"
"""The same: what is not known, such as metadata or subtitles."""


MOST_ROWS = 50_000_000
"""Segments that are added up for a peak, again in each row."""


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
class Measured:
    """What the bytes of a listed segment say."""

    facts: SegmentFacts
    key_times: tuple[int, ...] | None = None
    """Decode times of its key frames; None where it is not known."""
    idr: bool | None = None
    """Whether its first picture is an IDR picture, by its header; None where it is not known."""
    frame: int | None = None
    """How long most of its samples last; None where it is not known."""
    hole: int = 0
    """Units by which one of its fragments begins later, or earlier, than the one before ends."""
    spare: int = 0
    """Of a picture: bytes of the range behind it that are no whole sample."""
    timestamp_map: bool | None = None
    """Of WebVTT: whether it has an X-TIMESTAMP-MAP."""
    text_offset: int | None = None
    """Of WebVTT: what its X-TIMESTAMP-MAP adds to the times of cues, in 90 kHz."""


class Jump(NamedTuple):
    """A place at which time is interrupted."""

    off: Fraction
    """Seconds that are missing; less than 0 where some are there twice."""
    within: bool
    """Whether that is inside of the segment, and not where it begins."""


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

    @cached_property
    def ends(self) -> tuple[Fraction, ...]:
        """Where the segments end, in seconds from the start; none where that is not known."""
        return tuple(accumulate(self.seconds(one.facts.duration) for one in self.measured))

    @cached_property
    def jumps(self) -> Mapping[int, Jump]:
        """Segments that begin too late or too early, and those with a hole in them, by number.

        One that stands where another belongs is one jump, and what goes on behind it is none.
        """
        jumps: dict[int, Jump] = {}
        end = line = None
        for number, (listed, one) in enumerate(
            zip(self.listing.segments, self.segments, strict=True)
        ):
            if one is None or not one.facts.duration:
                end = line = None
                continue
            start = one.facts.decode_time
            off = Fraction()
            if end is not None and line is not None and not listed.discontinuity:
                off = self._off(start - end)
                if self._off(start - line) == 0:
                    off = Fraction()
            line = (line if off and line is not None else start) + one.facts.duration
            end = start + one.facts.duration
            if off:
                jumps[number] = Jump(off, within=False)
            elif one.hole:
                jumps[number] = Jump(self.seconds(one.hole), within=True)
                end = line = None
        return jumps

    def _off(self, units: int) -> Fraction:
        """``units`` between two times that should be the same, in seconds; 0 where they may be."""
        if self.container is not Container.TS:
            return self.seconds(units)
        # Times of transport streams are those of pictures, which jitter by their rounding.
        off = self.seconds((units + CLOCK_TURN // 2) % CLOCK_TURN - CLOCK_TURN // 2)
        return off if abs(off) > self.frame else Fraction()

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
        if not self.sizes:
            return None
        # A wrong target makes as many rows as there are pairs of segments.
        target = self.listing.target or 1
        count = len(self.sizes)
        in_row = min(Fraction(count), 2 * target * count / self.listing.duration)
        return peak(self.sizes, target) if in_row * count < MOST_ROWS else None

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
        lengths = sorted(
            self.seconds(one.frame)
            if one.frame
            else self.seconds(one.facts.duration) / one.facts.sample_count
            for one in known
        )
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
