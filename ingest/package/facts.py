"""What is measured of a part of a rendition when it is encoded.

Packaging needs these facts only, never the bytes, so parts may come from different machines. All
structs are JSON by msgspec.
"""

import msgspec


class InitFacts(msgspec.Struct, frozen=True):
    """An init segment (ISO/IEC 14496-12 §8.2)."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    codec: str
    """As in RFC 6381 §3.3, from the sample entry's own configuration."""
    timescale: int
    """Units per second of decode times and durations."""
    width: int
    """Pixels; 0 for audio."""
    height: int
    channels: int
    """0 for video."""
    sample_rate: int
    """Hz; 0 for video."""


class SegmentFacts(msgspec.Struct, frozen=True):
    """A media segment (ISO/IEC 14496-12 §8.16)."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    decode_time: int
    """Of its first sample, in units of the timescale."""
    duration: int
    """Units of the timescale."""
    sample_count: int
    starts_with_sync: bool
    """Whether a decoder can start with its first sample."""


class PartFacts(msgspec.Struct, frozen=True):
    """What one encode task made of one rendition."""

    init: InitFacts
    segments: tuple[SegmentFacts, ...]
    """In order."""


class Part(msgspec.Struct, frozen=True):
    """A part under its name in the origin."""

    name: str
    """Chunk and attempt, see `ingest.package.layout.part_name`."""
    facts: PartFacts
