"""The same pictures and sound in MPEG-2 transport streams: copied, never encoded again.

Each segment stands alone: its tables in front, and its counters marked as beginning anew, so that
no segment needs to know how many packets another had (ISO/IEC 13818-1 §2.4.3.5). Those of tables go
on all the same, as it is known how many there are, and GStreamer reads no such mark of them. Key
frames within a segment are marked too: in an I-frame playlist they follow each other.
"""

import re
from pathlib import Path
from typing import Final

import ffmpeg

from common.hls import VideoRange
from ingest.package.errors import PartInvalid
from ingest.package.layout import INIT_NAME, TRANSPORT_PATTERN, segment_name, transport_name
from ingest.package.packets import ADAPTATION, PACKET, require_packets
from ingest.plan.model import EncodingPlan, VideoCodec, VideoRendition
from ingest.transcode.command import Command
from ingest.transcode.inputs import arguments
from ingest.transcode.outputs import cut_at

START: Final = 10
"""Seconds that the clock of transport streams shows when that of MP4 shows 0, so that no decode
time is below 0."""

AAC_FRAME: Final = 1024
"""Samples."""

MUXER_OPTIONS: Final = {
    "mpegts_flags": "+initial_discontinuity",
    # Times are right as they are.
    "mpegts_copyts": 1,
    # Seconds; in front of every segment is enough.
    "pat_period": 3600,
    "sdt_period": 3600,
}

TABLES: Final = (0x0, 0x1000)
"""Identifiers of packets of the tables that stand before each key frame, as the muxer has them: of
the programs, and of the streams of the one that there is."""
SERVICES: Final = 0x11
"""The same of the table that stands before each segment."""

DISCONTINUITY: Final = 0x80
"""Bit of the flags of those fields, the sixth byte: counters need not go on here (§2.4.3.5)."""

DURATION: Final = re.compile(r"^#EXTINF:([\d.]+)", re.MULTILINE)


def has_twin(plan: EncodingPlan, rendition: VideoRendition) -> bool:
    """Whether ``rendition`` is there as transport streams too."""
    sdr = rendition.video_range is VideoRange.SDR
    return plan.transport_stream and rendition.codec is VideoCodec.H264 and sdr


def sound_cuts(playlist: str, sample_rate: int) -> list[int]:
    """Numbers of the AAC frames before which the segments of the muxer's ``playlist`` end."""
    durations = [float(text) for text in DURATION.findall(playlist)]
    counts = [round(seconds * sample_rate / AAC_FRAME) for seconds in durations]
    return [sum(counts[:number]) for number in range(1, len(counts))]


def write_list(folder: Path, name: str, segments: range) -> None:
    """Name the files of the rendition ``name`` in ``folder``, in order, for ``copy`` to read."""
    files = [INIT_NAME, *(segment_name(number) for number in segments)]
    _list(folder, name).write_text("".join(f"{name}/{file}\n" for file in files))


def copy(folder: Path, cuts: dict[str, list[int]], first_segment: int, seconds: float) -> Command:
    """Copy the renditions in ``folder`` that ``cuts`` names, each cut before these of its frames.

    ``seconds`` is how long they are.
    """
    options = ":".join(f"{key}={value}" for key, value in MUXER_OPTIONS.items())
    outputs = [
        ffmpeg.input(
            f"concatf:{_list(folder, name).name}",
            f="mov",
            protocol_whitelist="file,concat,concatf",
        )["0"].output(
            f"{transport_name(name)}/{TRANSPORT_PATTERN}",
            c="copy",
            **cut_at(frames, first_segment),
            segment_format="mpegts",
            segment_format_options=options,
            # The clock in the stream is not to run ahead of what it times.
            muxdelay=0,
            muxpreload=0,
            output_ts_offset=START,
        )
        for name, frames in cuts.items()
    ]
    return Command(
        arguments=arguments(*outputs),
        folder=folder,
        subfolders=tuple(transport_name(name) for name in cuts),
        seconds=seconds,
        makes=tuple(
            f"{transport_name(name)}/{TRANSPORT_PATTERN % (first_segment + len(frames))}"
            for name, frames in cuts.items()
        ),
    )


def settle(folder: Path, segments: range, groups: int) -> None:
    """Let tables be counted on from segment to segment of those in ``folder``, and mark key frames.

    ``groups`` is how many key frames, each with tables of its own, a segment has that is whole.
    Reads and writes files: call it in a thread, where an event loop runs.

    Raises:
        PartInvalid: a segment is missing, or has more tables.
    """
    for number in segments:
        path = folder / (TRANSPORT_PATTERN % number)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise PartInvalid(name=path.name, reason="the encoder did not write it") from error
        require_packets(path.name, data)
        path.write_bytes(_counted(path.name, data, number, groups))


def _counted(name: str, data: bytes, number: int, groups: int) -> bytes:
    made = bytearray(data)
    seen = dict.fromkeys(TABLES, 0)
    before = None
    for place in range(0, len(data), PACKET):
        kind = int.from_bytes(data[place + 1 : place + 3], "big") & 0x1FFF
        if kind == SERVICES:
            made[place + 3] = data[place + 3] & 0xF0 | number & 0xF
        elif kind in seen:
            made[place + 3] = data[place + 3] & 0xF0 | number * groups + seen[kind] & 0xF
            seen[kind] += 1
        elif before == TABLES[-1] and data[place + 3] & ADAPTATION and data[place + 4]:
            made[place + 5] |= DISCONTINUITY
        before = kind
    if max(seen.values()) > groups:
        raise PartInvalid(name=name, reason=f"it has tables of more than {groups} key frames")
    return bytes(made)


def _list(folder: Path, name: str) -> Path:
    return folder / f"{name}.txt"
