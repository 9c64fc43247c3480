"""Which containers are taken, and how a file is opened as one of them and nothing else."""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer

from ingest.inspect.errors import ContainerForbidden, FileNotVideo, InspectionTooCostly

ISO_MEDIA: Final = "mov,mp4,m4a,3gp,3g2,mj2"

MATROSKA: Final = "matroska,webm"

CONTAINERS: Final = {
    ISO_MEDIA: "MP4 or MOV",
    MATROSKA: "Matroska or WebM",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG-PS",
    "avi": "AVI",
    "flv": "FLV",
    "ogg": "Ogg",
    "asf": "WMV",
    "mxf": "MXF",
}
"""Demuxers that hold their media themselves. Those that open what a text names must never be here:
an upload would make the service read another file or the network."""

INDEXED: Final = frozenset({ISO_MEDIA, MATROSKA})
"""Demuxers whose files lead to any key frame exactly."""

NO_DECODER: Final = "none"
"""No decoder has this name, so that none runs."""


def opened(
    path: Path, *, decoders: AbstractSet[str] = frozenset(), most_pixels: int = 0
) -> InputContainer:
    """The file at ``path``, its headers read, and decoded with ``decoders`` alone.

    ``most_pixels`` of a picture are decoded at most; 0 is FFmpeg's own limit.

    Raises:
        ContainerForbidden: it is known, but not taken here.
        FileNotVideo: it is nothing that is known here.
        InspectionTooCostly: its headers ask for too much memory.
    """
    try:
        return av.open(
            f"file:{path.absolute()}",
            options={"max_pixels": str(most_pixels)} if most_pixels else {},
            container_options={
                "protocol_whitelist": "file",
                "format_whitelist": ",".join(CONTAINERS),
                "codec_whitelist": ",".join(sorted(decoders)) or NO_DECODER,
            },
            # Titles are in any encoding, and nobody reads them here.
            metadata_errors="replace",
        )
    except av.error.ArgumentError as error:
        allowed = ", ".join(CONTAINERS.values())
        raise ContainerForbidden(allowed=allowed) from error
    except av.error.MemoryError as error:
        raise InspectionTooCostly(what="memory") from error
    except av.error.FFmpegError as error:
        raise FileNotVideo from error
