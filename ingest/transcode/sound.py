"""What ffmpeg is told of sound: a command that measures a track, and one that encodes it, whole.

Joints between encodes of parts would be heard, so sound is never cut into chunks.
"""

from pathlib import Path
from typing import Any, Final

from ingest.plan.model import AudioCodec, AudioRendition, AudioTrack, EncodingPlan
from ingest.transcode.command import Command
from ingest.transcode.encoders import audio_encoder
from ingest.transcode.inputs import Options, arguments, opened, seconds
from ingest.transcode.loudness import (
    CEILING,
    INTEGRATED_KEY,
    PEAK_KEY,
    Correction,
    Loudness,
    read,
)
from ingest.transcode.outputs import audio_segments, audio_target
from ingest.transcode.settings import TranscodeSettings

SAMPLE_RATE: Final = 48_000
"""Hz; the rate that plans count samples in."""

INTEGRATED_FILE: Final = "integrated.txt"
PEAKS_FILE: Final = "peaks.txt"
"""What is measured, in the folder of the command."""

OVERSAMPLED: Final = 192_000
"""Hz at which peaks between samples are seen (BS.1770, annex 2)."""

END: Final = 1024
"""Bytes of a file that hold its last words."""

LESS_AHEAD: Final = {AudioCodec.AAC: 0, AudioCodec.OPUS: 1024 - 312}
"""Samples that an encoder puts ahead of the sound less than AAC's does. With so many more of sound
all renditions last equally long; a player that changes from one to a shorter one would wait."""

LAYOUTS: Final = {1: "mono", 2: "stereo"}

STEADY: Final = ("-c:a", "pcm_f32le", "-ar", str(SAMPLE_RATE), "-ac", "2", "-f", "null", "-")
"""An output that goes nowhere but to a decoder of its own: sound that is all of one kind."""


def measurement(
    plan: EncodingPlan, track: AudioTrack, source: Path, folder: Path, settings: TranscodeSettings
) -> Command:
    """Decode ``track`` as it will be encoded and write how loud it is into two files."""
    meter: Options = {"metadata": 1, "peak": "true", "framelog": "quiet"}
    heard = _heard(plan, track, source, settings).filter("ebur128", **meter)
    for key, file in ((INTEGRATED_KEY, INTEGRATED_FILE), (PEAK_KEY, PEAKS_FILE)):
        heard = heard.filter("ametadata", "print", key=key, file=file)
    return Command(
        arguments=_arguments(track, heard.output("-", f="null")),
        folder=folder,
        subfolders=(),
        seconds=track.sample_count / SAMPLE_RATE,
        reads=(source,),
    )


def measured(folder: Path) -> Loudness | None:
    """What ``measurement`` found; none where there is no sound. Reads files."""
    return read(_end(folder / INTEGRATED_FILE), _end(folder / PEAKS_FILE))


def encode(
    plan: EncodingPlan,
    track: AudioTrack,
    correction: Correction,
    source: Path,
    folder: Path,
    settings: TranscodeSettings,
) -> Command:
    """Decode ``track`` once, encode it in all of its renditions, each in a folder of its name."""
    sound = _corrected(_heard(plan, track, source, settings), correction)
    count = len(track.renditions)
    parts = sound.filter_multi_output("asplit", count) if count > 1 else [sound]
    outputs = [
        _shaped(_whole(parts[number], track, rendition), rendition).output(
            audio_target(rendition.name),
            **audio_encoder(rendition),
            **audio_segments(plan, rendition.name),
        )
        for number, rendition in enumerate(track.renditions)
    ]
    return Command(
        arguments=_arguments(track, *outputs),
        folder=folder,
        subfolders=tuple(rendition.name for rendition in track.renditions),
        seconds=track.sample_count / SAMPLE_RATE,
        reads=(source,),
        makes=tuple(audio_target(rendition.name) for rendition in track.renditions),
    )


def _arguments(track: AudioTrack, *outputs: Any) -> tuple[str, ...]:
    """The words of a call of ffmpeg; broadcasts go from stereo to 5.1 and back on their way.

    Filters begin anew where that happens, and would count from 0 again. So all of them stand
    behind a second decoder, which gets the first one's sound in one kind.
    """
    words = arguments(*outputs)
    graph = words.index("-filter_complex")
    stream = f"0:{track.index}"
    return (
        *words[:graph],
        *("-map", stream, *STEADY, "-dec", "0:0"),
        *("-filter_complex", words[graph + 1].replace(f"[{stream}]", "[dec:0]")),
        *words[graph + 2 :],
    )


def _heard(plan: EncodingPlan, track: AudioTrack, source: Path, settings: TranscodeSettings) -> Any:
    """The track on the plan's clock, in stereo: nothing before the picture's start."""
    sound = opened(plan, source, settings)[str(track.index)]
    if plan.source.origin:
        sound = sound.filter("asetpts", f"PTS-{seconds(plan.source.origin)}/TB")
    return (
        # Silence where the source has a hole or starts late.
        sound.filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0}).filter(
            "aformat", sample_fmts="fltp", channel_layouts="stereo"
        )
    )


def _corrected(sound: Any, correction: Correction) -> Any:
    if correction.gain:
        sound = sound.filter("volume", f"{correction.gain:.2f}dB", precision="float")
    if correction.limited:
        sound = (
            sound.filter("aresample", OVERSAMPLED)
            .filter("alimiter", level=0, latency=1, limit=f"{10 ** (CEILING / 20):.4f}")
            .filter("aresample", SAMPLE_RATE)
        )
    return sound


def _whole(sound: Any, track: AudioTrack, rendition: AudioRendition) -> Any:
    """As long as the picture, whether the source's sound is longer or shorter."""
    length = track.sample_count + LESS_AHEAD[rendition.codec]
    return sound.filter("apad", whole_len=length).filter("atrim", end_sample=length)


def _shaped(sound: Any, rendition: AudioRendition) -> Any:
    if rendition.sample_rate != SAMPLE_RATE:
        sound = sound.filter("aresample", rendition.sample_rate)
    return sound.filter(
        "aformat", sample_fmts="fltp|flt", channel_layouts=LAYOUTS[rendition.channels]
    )


def _end(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - END))
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        # Nothing was heard at all.
        return ""
