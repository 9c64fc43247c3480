"""From a source's frames to a rendition's: colours, size and the shape of pixels.

SDR renditions are BT.709 in limited range, whatever the source is; HDR renditions keep the
source's BT.2020 and its transfer characteristics (Apple's authoring specification, §1.27 to §1.30).
Code points are those of ITU-T H.273.
"""

from typing import Any, Final

from common.hls import VideoRange
from ingest.plan.model import EncodingPlan, SourceInput, VideoRendition

UNSPECIFIED: Final = 2
RGB: Final = 0
BT709: Final = 1

BT601: Final = 6
LINEAR: Final = 8
BT2020: Final = 9

FOREIGN_MATRICES: Final = frozenset({4, 5, 6, 7, 8, 9, 10})
FOREIGN_PRIMARIES: Final = frozenset({4, 5, 6, 7, 8, 9, 11, 12})
"""Those of systems that are not BT.709; zimg, which converts them, counts like H.273."""

CURVES: Final = {VideoRange.PQ: 16, VideoRange.HLG: 18}
TRANSFERS: Final = {VideoRange.PQ: "smpte2084", VideoRange.HLG: "arib-std-b67"}

HIGH_DEFINITION: Final = (1280, 720)
"""Pixels of the long and of the short side, either of which makes a picture that says nothing of
its colours BT.709; smaller ones are BT.601, as all players take it."""

REFERENCE_WHITE: Final = 100
"""cd/m² that become the white of SDR before highlights are pressed below it."""


def stem(picture: Any, plan: EncodingPlan, video_range: VideoRange, width: int, height: int) -> Any:
    """What all renditions of ``video_range`` share: colours converted, nothing else said of them.

    ``width`` and ``height`` are those of the largest of them. Only a picture in HDR that becomes
    SDR is brought to this size here, as every pixel of it costs.
    """
    source = plan.source
    if source.transparent:
        # Over black, whatever color a pixel has that is not seen.
        picture = picture.filter("premultiply", inplace=1)
    if video_range is VideoRange.SDR:
        if source.video_range is not VideoRange.SDR:
            picture = _tone_mapped(picture, source, width, height)
        elif _foreign(plan):
            picture = _to_bt709(picture, plan)
    # What frames carry, such as captions and how the source was mastered, nobody announces.
    return picture.filter("sidedata", mode="delete")


def rendered(picture: Any, plan: EncodingPlan, rendition: VideoRendition) -> Any:
    """A stem's frames as ``rendition`` shows them."""
    if rendition.frame_step > 1:
        picture = picture.filter("framestep", rendition.frame_step)
    sdr = rendition.video_range is VideoRange.SDR
    matrix = "bt709" if sdr else "bt2020nc"
    scaling = {"in_color_matrix": matrix, "out_color_matrix": matrix, "out_range": "tv"}
    if plan.source.full_range and not (sdr and _converted(plan)):
        scaling["in_range"] = "pc"
    return (
        picture.filter("scale", rendition.width, rendition.height, **scaling)
        .filter("setsar", 1)
        .filter("format", "yuv420p" if sdr else "yuv420p10le")
        .filter(
            "setparams",
            range="tv",
            field_mode="prog",
            color_primaries="bt709" if sdr else "bt2020",
            color_trc=TRANSFERS.get(rendition.video_range, "bt709"),
            colorspace=matrix,
        )
    )


def _converted(plan: EncodingPlan) -> bool:
    """Whether the stem of SDR renditions is BT.709 in limited range already."""
    return plan.source.video_range is not VideoRange.SDR or _foreign(plan)


def _foreign(plan: EncodingPlan) -> bool:
    """Whether colours of a source in SDR have to be computed anew, and not only named."""
    source = plan.source
    # Of RGB, scaling makes BT.709.
    return _matrix(plan) in FOREIGN_MATRICES or source.color_primaries in FOREIGN_PRIMARIES


def _matrix(plan: EncodingPlan) -> int:
    """The code point of the source's matrix, where it says nothing the likely one."""
    if plan.source.color_matrix != UNSPECIFIED:
        return plan.source.color_matrix
    long, short = HIGH_DEFINITION
    high = any(
        max(one.width, one.height) >= long or min(one.width, one.height) >= short
        for one in plan.video
    )
    return BT709 if high else BT601


def _to_bt709(picture: Any, plan: EncodingPlan) -> Any:
    source = plan.source
    foreign = source.color_primaries in FOREIGN_PRIMARIES
    return picture.filter(
        "zscale",
        matrixin=_matrix(plan),
        primariesin=source.color_primaries if foreign else BT709,
        # The curves of all SDR systems are one in practice.
        transferin=BT709,
        rangein="full" if source.full_range else "limited",
        matrix=BT709,
        primaries=BT709,
        transfer=BT709,
        range="limited",
    )


def _tone_mapped(picture: Any, source: SourceInput, width: int, height: int) -> Any:
    """BT.709 out of PQ or HLG, in linear light between."""
    return (
        picture.filter("scale", width, height)
        # Some sources name the curve alone, or another system beside it.
        .filter("setparams", color_primaries="bt2020", colorspace="bt2020nc")
        .filter(
            "zscale",
            matrixin=BT2020,
            primariesin=BT2020,
            transferin=CURVES[source.video_range],
            rangein="full" if source.full_range else "limited",
            transfer=LINEAR,
            npl=REFERENCE_WHITE,
        )
        .filter("format", "gbrpf32le")
        .filter("zscale", primaries=BT709)
        .filter("tonemap", tonemap="hable", desat=0)
        .filter("zscale", matrix=BT709, transfer=BT709, range="limited")
        .filter("format", "yuv420p")
    )
