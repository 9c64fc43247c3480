"""The rival: one plain ffmpeg that makes the renditions of a plan, as one would write it by hand.

It decodes once, encodes everything side by side with as many threads as the encoders like, and
writes HLS. It is told the plan's sizes, rates, caps and groups of pictures and the encoders'
settings, and nothing of how the pipeline does its work. Sound is brought to its loudness in one
pass, as a single command must: by a filter that follows the sound and changes the gain as it goes.
"""

from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

from ingest.plan import EncodingPlan, VideoCodec
from ingest.plan.model import AudioCodec, VideoRendition
from ingest.transcode.settings import TranscodeSettings

PLAYLIST = "playlist.m3u8"
"""In a folder of each rendition's name."""


def rival(plan: EncodingPlan, source: Path, folder: Path, settings: TranscodeSettings) -> list[str]:
    """The command; makes the folders that it writes into."""
    command = [get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-i", str(source)]
    command += ["-filter_complex", ";".join([*_pictures(plan), *_sound(plan)])]
    for rendition in plan.video:
        command += ["-map", f"[{rendition.name}]", *_encoder(rendition, settings)]
        command += ["-maxrate", str(rendition.max_bitrate), "-bufsize", str(rendition.buffer_size)]
        interval = str(plan.keyframe_interval)
        command += ["-g", interval, "-keyint_min", interval, "-pix_fmt", "yuv420p"]
        command += _hls(plan, folder, rendition.name)
    for track in plan.audio:
        for sound in track.renditions:
            codec = "aac" if sound.codec is AudioCodec.AAC else "libopus"
            command += ["-map", f"[{sound.name}]", "-c:a", codec, "-b:a", str(sound.bitrate)]
            command += _hls(plan, folder, sound.name)
    return command


def _pictures(plan: EncodingPlan) -> list[str]:
    names = "".join(f"[to-{one.name}]" for one in plan.video)
    return [
        f"[0:v]split={len(plan.video)}{names}",
        *(f"[to-{one.name}]scale={one.width}:{one.height}[{one.name}]" for one in plan.video),
    ]


def _sound(plan: EncodingPlan) -> list[str]:
    graph = []
    for track in plan.audio:
        names = "".join(f"[{one.name}]" for one in track.renditions)
        loud = "" if track.loudness is None else f"loudnorm=I={track.loudness}:TP=-1,"
        graph.append(
            f"[0:{track.index}]aformat=channel_layouts=stereo,{loud}aresample=48000,"
            f"asplit={len(track.renditions)}{names}"
        )
    return graph


def _encoder(rendition: VideoRendition, settings: TranscodeSettings) -> list[str]:
    match rendition.codec:
        case VideoCodec.H264:
            told = ["libx264", "-preset", settings.preset.value, "-profile:v", "high"]
            quality, more = settings.constant_rate_factor, ["-sc_threshold", "0"]
        case VideoCodec.HEVC:
            told = ["libx265", "-preset", settings.hevc_preset.value, "-tag:v", "hvc1"]
            quality = settings.hevc_rate_factor
            more = ["-x265-params", "scenecut=0:open-gop=0:log-level=error"]
        case VideoCodec.AV1:
            told = ["libsvtav1", "-preset", str(settings.av1_preset)]
            quality, more = settings.av1_rate_factor, ["-svtav1-params", "scd=0"]
    return ["-c:v", *told, "-crf", str(quality), *more]


def _hls(plan: EncodingPlan, folder: Path, name: str) -> list[str]:
    (folder / name).mkdir(parents=True)
    length = f"{float(plan.segment_duration):g}"
    hls = ["-f", "hls", "-hls_time", length, "-hls_playlist_type", "vod"]
    segments = str(folder / name / "%05d.m4s")
    hls += ["-hls_segment_type", "fmp4", "-hls_segment_filename", segments]
    return [*hls, str(folder / name / PLAYLIST)]
