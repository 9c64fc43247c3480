"""What encoders are told.

All of them make an IDR picture (in AV1, a key frame) exactly every interval and nowhere else, so
that renditions in all codecs are cut at the same frames. Quality is constant under the plan's cap:
each chunk finds its own bits, as one encode of the whole would.
"""

from typing import Final

from common.hls import VideoRange
from ingest.inspect.media import ContentLight, MasteringDisplay
from ingest.plan.model import (
    AudioCodec,
    AudioRendition,
    EncodingPlan,
    SourceInput,
    VideoCodec,
    VideoRendition,
)
from ingest.transcode.inputs import Options
from ingest.transcode.settings import TranscodeSettings

SUPPLEMENTAL: Final = 6
"""The type of NAL units of supplemental enhancement information (ITU-T H.264 §7.4.1)."""

CHROMATICITY: Final = 50_000
LUMINANCE: Final = 10_000
"""Steps of a unit in which ``MasteringDisplay`` counts."""

MOST_PARALLEL: Final = 6
"""SVT-AV1's highest level of parallelism."""


def video_encoder(
    plan: EncodingPlan, rendition: VideoRendition, settings: TranscodeSettings
) -> Options:
    """Options of the encoder of ``rendition``."""
    interval = plan.keyframe_interval // rendition.frame_step
    common: Options = {
        "threads": settings.threads,
        "maxrate": rendition.max_bitrate,
        "bufsize": rendition.buffer_size,
        "g": interval,
        "keyint_min": interval,
    }
    match rendition.codec:
        case VideoCodec.H264:
            return common | _x264(settings)
        case VideoCodec.HEVC:
            return common | _x265(plan, rendition, settings)
        case VideoCodec.AV1:
            return common | _svt_av1(plan, rendition, settings)


def audio_encoder(rendition: AudioRendition) -> Options:
    """Options of the encoder of ``rendition``."""
    encoders = {AudioCodec.AAC: "aac", AudioCodec.OPUS: "libopus"}
    return {"c:a": encoders[rendition.codec], "b:a": rendition.bitrate}


def _x264(settings: TranscodeSettings) -> Options:
    return {
        "c:v": "libx264",
        "preset": settings.preset.value,
        "crf": settings.constant_rate_factor,
        "profile:v": "high",
        "sc_threshold": 0,
        "flags": "+cgop",
        # What the encoder says of itself would stand in front of the parameter sets in transport
        # streams, where GStreamer takes it for broken; closed captions are said to be none.
        "bsf:v": f"filter_units=remove_types={SUPPLEMENTAL}",
    }


def _x265(plan: EncodingPlan, rendition: VideoRendition, settings: TranscodeSettings) -> Options:
    parameters: Options = {
        "scenecut": 0,
        "open-gop": 0,
        # Parameter sets are in the init segment, and only there.
        "repeat-headers": 0,
        "info": 0,
        "log-level": "error",
    }
    if settings.threads:
        # Else it takes all cores, whatever it is told of threads.
        parameters["pools"] = settings.threads
    if rendition.video_range is VideoRange.PQ:
        parameters |= {"hdr10": 1, **_x265_light(plan.source)}
    return {
        "c:v": "libx265",
        "preset": settings.hevc_preset.value,
        "crf": settings.hevc_rate_factor,
        "x265-params": _joined(parameters),
        "dolbyvision": 0,
        # Apple's players take no other (authoring specification, §1.10).
        "tag:v": "hvc1",
    }


def _svt_av1(plan: EncodingPlan, rendition: VideoRendition, settings: TranscodeSettings) -> Options:
    parameters: Options = {"scd": 0}
    if settings.threads:
        # Its levels of parallelism are about the cores that it keeps busy.
        parameters["lp"] = min(settings.threads, MOST_PARALLEL)
    if rendition.video_range is VideoRange.PQ:
        parameters |= _svt_light(plan.source)
    return {
        "c:v": "libsvtav1",
        "preset": settings.av1_preset,
        "crf": settings.av1_rate_factor,
        "svtav1-params": _joined(parameters),
        "dolbyvision": 0,
    }


def _x265_light(source: SourceInput) -> Options:
    told: Options = {}
    if source.mastering_display is not None:
        told["master-display"] = _display(source.mastering_display, exact=True)
    if source.content_light is not None:
        told["max-cll"] = _light(source.content_light)
    return told


def _svt_light(source: SourceInput) -> Options:
    told: Options = {}
    if source.mastering_display is not None:
        told["mastering-display"] = _display(source.mastering_display, exact=False)
    if source.content_light is not None:
        told["content-light"] = _light(source.content_light)
    return told


def _display(display: MasteringDisplay, *, exact: bool) -> str:
    """The display as x265 writes it, in its steps (``exact``), or in units as SVT-AV1 does."""

    def pair(values: tuple[int, int], steps: int) -> str:
        return ",".join(f"{value}" if exact else f"{value / steps:.5f}" for value in values)

    points = (
        ("G", display.green),
        ("B", display.blue),
        ("R", display.red),
        ("WP", display.white),
    )
    told = "".join(f"{name}({pair(values, CHROMATICITY)})" for name, values in points)
    return f"{told}L({pair((display.max_luminance, display.min_luminance), LUMINANCE)})"


def _light(light: ContentLight) -> str:
    return f"{light.max_content},{light.max_average}"


def _joined(parameters: Options) -> str:
    return ":".join(f"{key}={value}" for key, value in parameters.items())
