"""Codec names as in RFC 6381 §3.3, read from the decoder's configuration, not from a muxer's word.

H.264: ISO/IEC 14496-15 §5.3.3. AAC: ISO/IEC 14496-1 §7.2.6 and 14496-3 §1.6.2.
"""

from typing import Final, NamedTuple

from ingest.package.boxes import Box
from ingest.package.errors import PartInvalid

ES_DESCRIPTOR: Final = 3
DECODER_CONFIG: Final = 4
DECODER_SPECIFIC: Final = 5

ESCAPE: Final = 31
"""An audio object type that does not fit five bits."""


def avc(entry_kind: str, configuration: Box) -> str:
    """The name for the sample entry ``entry_kind`` with this ``avcC`` box."""
    return f"{entry_kind}.{configuration.number(1, 3):06x}"


class Aac(NamedTuple):
    """What an ``esds`` box says."""

    codec: str
    channels: int


def aac(configuration: Box) -> Aac:
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
    return Aac(codec=f"mp4a.{object_type:x}.{audio_type}", channels=channels)


def _descriptor(box: Box, offset: int, tag: int) -> int:
    """Where the content of the descriptor at ``offset`` starts; its length takes up to 4 bytes."""
    if box.number(offset, 1) != tag:
        raise PartInvalid(name="esds", reason=f"it has no descriptor {tag} where one should be")
    offset += 1
    while box.number(offset, 1) & 0x80:
        offset += 1
    return offset + 1
