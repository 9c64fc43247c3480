"""Codec names as in RFC 6381 §3.3, read from the decoder's configuration, not from a muxer's word.

H.264: ISO/IEC 14496-15 §5.3.3. HEVC: the same, annex E.3. AV1: "AV1 Codec ISO Media File Format
Binding" §5. AAC: ISO/IEC 14496-1 §7.2.6 and 14496-3 §1.6.2. Opus: "Encapsulation of Opus in ISO
Base Media File Format" §4.3.2.
"""

from typing import Final, NamedTuple

from ingest.package.boxes import Box
from ingest.package.errors import PartInvalid

ES_DESCRIPTOR: Final = 3
DECODER_CONFIG: Final = 4
DECODER_SPECIFIC: Final = 5

ESCAPE: Final = 31
"""An audio object type that does not fit five bits."""

AAC_CHANNELS: Final = (0, 1, 2, 3, 4, 5, 6, 8)
"""By channel configuration (ISO/IEC 14496-3 table 1.19)."""

AV1_MARKED: Final = 0x81
"""The first byte of its configuration: a marker, and version 1."""


class Colour(NamedTuple):
    """Code points of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int
    full_range: bool


BT709: Final = Colour(1, 1, 1, full_range=False)
"""What AV1's name need not say."""


class Sound(NamedTuple):
    """What the configuration of a codec of sound says."""

    codec: str
    channels: int


def avc(entry_kind: str, configuration: Box) -> str:
    """The name for the sample entry ``entry_kind`` with this ``avcC`` box.

    Raises:
        PartInvalid: it is too short.
    """
    return f"{entry_kind}.{configuration.number(1, 3):06x}"


def hevc(entry_kind: str, configuration: Box) -> str:
    """The name for the sample entry ``entry_kind`` with this ``hvcC`` box.

    Raises:
        PartInvalid: it is too short.
    """
    profile = configuration.number(1, 1)
    space = ("", "A", "B", "C")[profile >> 6]
    tier = "H" if profile & 0x20 else "L"
    # Flag 0 is the first bit in the box and the lowest in the name.
    compatibility = int(f"{configuration.number(2, 4):032b}"[::-1], 2)
    constraints = [configuration.number(6 + number, 1) for number in range(6)]
    while constraints and not constraints[-1]:
        constraints.pop()
    return ".".join(
        [
            entry_kind,
            f"{space}{profile & 0x1F}",
            f"{compatibility:X}",
            f"{tier}{configuration.number(12, 1)}",
            *(f"{byte:X}" for byte in constraints),
        ]
    )


def av1(entry_kind: str, configuration: Box, colour: Colour | None) -> str:
    """The name for the sample entry ``entry_kind`` with this ``av1C`` box.

    It ends after the depth in bits where the rest is as most video has it: colour, 4:2:0, BT.709.

    Raises:
        PartInvalid: it is no such box.
    """
    if configuration.number(0, 1) != AV1_MARKED:
        raise PartInvalid(name="av1C", reason="it is of no version that is known")
    profile, level = divmod(configuration.number(1, 1), 32)
    bits = configuration.number(2, 1)
    tier = "H" if bits & 0x80 else "M"
    depth = 8
    if bits & 0x40:
        depth = 12 if profile == 2 and bits & 0x20 else 10
    name = f"{entry_kind}.{profile}.{level:02d}{tier}.{depth:02d}"
    monochrome, by_x, by_y = bits >> 4 & 1, bits >> 3 & 1, bits >> 2 & 1
    colour = colour or BT709
    if (monochrome, by_x, by_y) == (0, 1, 1) and colour == BT709:
        return name
    # Where chroma samples lie is told of 4:2:0 alone.
    position = bits & 3 if by_x and by_y else 0
    return (
        f"{name}.{monochrome}.{by_x}{by_y}{position}"
        f".{colour.primaries:02d}.{colour.transfer:02d}.{colour.matrix:02d}"
        f".{colour.full_range:d}"
    )


def aac(configuration: Box) -> Sound:
    """The codec name and channels in this ``esds`` box.

    Raises:
        PartInvalid: it is none.
    """
    # Behind the box's version and flags; an elementary stream's id and flags stand before its
    # decoder's configuration, whose own thirteen bytes stand before what the codec adds.
    stream = _descriptor(configuration, 4, ES_DESCRIPTOR)
    decoder = _descriptor(configuration, stream + 3, DECODER_CONFIG)
    object_type = configuration.number(decoder, 1)
    specific = _descriptor(configuration, decoder + 13, DECODER_SPECIFIC)
    bits = configuration.number(specific, 2)
    audio_type, channels = bits >> 11, bits >> 3 & 0xF
    if audio_type == ESCAPE:
        raise PartInvalid(name="esds", reason="its audio object type is not one of AAC")
    if not 0 < channels < len(AAC_CHANNELS):
        raise PartInvalid(name="esds", reason="it does not say how many channels there are")
    return Sound(codec=f"mp4a.{object_type:x}.{audio_type}", channels=AAC_CHANNELS[channels])


def opus(configuration: Box) -> Sound:
    """The codec name and channels in this ``dOps`` box.

    Raises:
        PartInvalid: it is none.
    """
    if configuration.number(0, 1) != 0:
        raise PartInvalid(name="dOps", reason="it is of no version that is known")
    return Sound(codec="opus", channels=configuration.number(1, 1))


def _descriptor(box: Box, offset: int, tag: int) -> int:
    """Where the content of the descriptor at ``offset`` starts; its length takes up to 4 bytes."""
    if box.number(offset, 1) != tag:
        raise PartInvalid(name="esds", reason=f"it has no descriptor {tag} where one should be")
    offset += 1
    while box.number(offset, 1) & 0x80:
        offset += 1
    return offset + 1
