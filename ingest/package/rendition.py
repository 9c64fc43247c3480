"""A rendition: its parts in a row, and the playlists over them."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import msgspec

from common.hls import ByteRange, MediaPlaylist, Segment, target_duration
from ingest.package.bandwidth import Measured
from ingest.package.errors import PackageInvalid
from ingest.package.facts import InitFacts, Part, SegmentFacts
from ingest.package.layout import I_FRAMES_NAME, PLAYLIST_NAME, content_type


class Playlist(msgspec.Struct, frozen=True):
    """A playlist to write."""

    key: str
    """Below the version's prefix."""
    text: str


class ListedObject(msgspec.Struct, frozen=True):
    """An object that playlists name; it was written when its part was encoded."""

    key: str
    """Below the prefix of the version that the parts were written for."""
    size: int
    """Bytes."""
    sha256: str
    content_type: str


class Rendition:
    """The parts of a rendition, in the order of its segments."""

    def __init__(
        self,
        name: str,
        parts: Sequence[Part],
        *,
        timescale: int,
        base: str = "",
        twin: InitFacts | None = None,
    ) -> None:
        """``base`` leads from the version's prefix to that of the parts. Where they have no init
        segment, their clock and codec are those of ``twin``, or the clock is ``timescale``.

        Raises:
            PackageInvalid: there are no parts.
        """
        if not parts:
            raise PackageInvalid(rendition=name, reason="none of it was encoded")
        self.name = name
        self.parts = parts
        self.playlist_key = f"{name}/{PLAYLIST_NAME}"
        self.i_frames_key = f"{name}/{I_FRAMES_NAME}"
        self._init = parts[0].facts.init
        self._described = self._init or twin
        self._timescale = timescale if self._described is None else self._described.timescale
        self._place = f"../{base}{name}/" if base else ""
        lengths: dict[int, Fraction] = {}
        self._segments = [
            (part.name, one, self._length(lengths, one.duration))
            for part in parts
            for one in part.facts.segments
        ]
        self.measured = [Measured(one.size, length) for _, one, length in self._segments]
        self.i_frames = [
            Segment(self._uri(part, one.name), self._length(lengths, ticks), piece)
            for part, one, piece, ticks in self._key_frames()
        ]
        self.measured_i_frames = [
            Measured(one.byte_range.size, one.duration) for one in self.i_frames if one.byte_range
        ]

    @property
    def init(self) -> InitFacts:
        """What its init segment, or that of its twin, says.

        Raises:
            PackageInvalid: there is none.
        """
        if self._described is None:
            raise PackageInvalid(rendition=self.name, reason="it has no init segment")
        return self._described

    @property
    def target(self) -> int:
        """The least target duration of its segments, in seconds."""
        return max(1, target_duration({length for _, _, length in self._segments}))

    @property
    def i_frames_target(self) -> int:
        """The same of its key frames."""
        return max(1, target_duration({one.duration for one in self.i_frames}))

    def playlist(self, target: int) -> Playlist:
        """Its media playlist."""
        segments = tuple(
            Segment(self._uri(part, one.name), length) for part, one, length in self._segments
        )
        media = MediaPlaylist(target, self._init_uri(), segments)
        return Playlist(self.playlist_key, media.write())

    def i_frames_playlist(self) -> Playlist:
        """The playlist of its key frames."""
        media = MediaPlaylist(
            self.i_frames_target, self._init_uri(), tuple(self.i_frames), i_frames_only=True
        )
        return Playlist(self.i_frames_key, media.write())

    def objects(self) -> Iterator[ListedObject]:
        """Its init segment, if it has one, and its segments."""
        kind = content_type(self._segments[0][1].name) if self._segments else ""
        if self._init is not None:
            init, part = self._init, self.parts[0].name
            key = f"{self.name}/{part}/{init.name}"
            yield ListedObject(key, init.size, init.sha256, content_type(init.name))
        for part, one, _ in self._segments:
            yield ListedObject(f"{self.name}/{part}/{one.name}", one.size, one.sha256, kind)

    def _init_uri(self) -> str | None:
        init = self._init
        # All parts share one init segment, byte for byte: one is listed.
        return None if init is None else self._uri(self.parts[0].name, init.name)

    def _uri(self, part: str, name: str) -> str:
        return f"{self._place}{part}/{name}"

    def _length(self, known: dict[int, Fraction], ticks: int) -> Fraction:
        """Seconds. Most segments are equally long: one object for all of them saves time."""
        length = known.get(ticks)
        if length is None:
            length = known[ticks] = Fraction(ticks, self._timescale)
        return length

    def _key_frames(self) -> Iterator[tuple[str, SegmentFacts, ByteRange, int]]:
        """Each key frame, and how long it is until the next one or the end."""
        for part, one, _ in self._segments:
            ends = [key.decode_time for key in one.key_frames[1:]]
            ends.append(one.decode_time + one.duration)
            for key, end in zip(one.key_frames, ends, strict=False):
                yield part, one, ByteRange(key.size, key.offset), end - key.decode_time
