"""Which renditions one task makes together, and which of them are published first."""

from typing import Final

from ingest.plan.model import EncodeGroup, VideoCodec, VideoRendition

FIRST_SIDE: Final = 540
"""The largest short side of what is published first: good enough to watch on a telephone, and of
Full HD less than a third of the pixels that H.264 takes in all."""

FEWEST_FIRST: Final = 2
"""Renditions published first at least: a player needs one to fall back to."""


def grouped(
    video: tuple[VideoRendition, ...], *, first: bool
) -> tuple[tuple[EncodeGroup, ...], tuple[str, ...]]:
    """The groups of ``video``, those of H.264 in front, and the names of those published first.

    With ``first`` the low renditions of H.264, which plays everywhere, are a group of their own.
    Nothing is published first where nothing would be left for later.
    """
    groups: list[EncodeGroup] = []
    for codec in VideoCodec:
        of_codec = tuple(one for one in video if one.codec is codec)
        high = _high(of_codec) if first and codec is VideoCodec.H264 else ()
        if high:
            low = tuple(one for one in of_codec if one not in high)
            groups.append(_group(f"{codec}-first", low))
        if of_codec:
            groups.append(_group(codec.value, high or of_codec))
    early = (groups[0].name,) if first and len(groups) > 1 else ()
    return tuple(groups), early


def _group(name: str, renditions: tuple[VideoRendition, ...]) -> EncodeGroup:
    return EncodeGroup(name, renditions[0].codec, tuple(one.name for one in renditions))


def _high(ladder: tuple[VideoRendition, ...]) -> tuple[VideoRendition, ...]:
    """Those of ``ladder``, best first, that are not needed to begin with."""
    better = ladder[:-FEWEST_FIRST]
    return tuple(one for one in better if min(one.width, one.height) > FIRST_SIDE)
