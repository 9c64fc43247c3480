"""What an init segment says, of codecs that are not made here too (ISO/IEC 14496-12 §8.5.2)."""

import hashlib
from typing import Final

from common.hls import VideoRange
from ingest.check.errors import NotLookedInto
from ingest.package.boxes import Box, whole
from ingest.package.facts import InitFacts
from ingest.package.segments import Defaults, defaults_of, read_init, timescale_of

MADE: Final = frozenset({"avc1", "avc3", "hvc1", "hev1", "av01", "mp4a", "Opus"})
SOUND: Final = frozenset({"ac-3", "ec-3", "fLaC", "alac"})
"""Sample entries whose name is all of the codec's (RFC 6381 §3.3)."""
ENCRYPTED: Final = frozenset({"enca", "encv"})
"""ISO/IEC 23001-7 §4.1."""


def init_of(name: str, data: bytes) -> tuple[InitFacts, Defaults]:
    """The facts of the init segment ``data``, and its defaults for samples.

    Raises:
        PartInvalid: it is no init segment.
        NotLookedInto: it is one of something else.
    """
    track = whole(data).find("moov", "trak")
    entry = next(track.find("mdia", "minf", "stbl", "stsd").children(8), None)
    if entry is None or entry.kind in MADE:
        return read_init(name, data)
    if entry.kind in ENCRYPTED:
        raise NotLookedInto("is encrypted and not looked into")
    if entry.kind not in SOUND:
        raise NotLookedInto(f"has the codec {entry.kind!r}, which is not looked into")
    return _sound(name, data, track, entry.kind)


def _sound(name: str, data: bytes, track: Box, kind: str) -> tuple[InitFacts, Defaults]:
    facts = InitFacts(
        name=name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        codec=kind.lower(),
        timescale=timescale_of(name, track),
        width=0,
        height=0,
        # The sample entry's number of channels is not that of these codecs (ETSI TS 102 366 F.3).
        channels=0,
        sample_rate=0,
        video_range=VideoRange.SDR,
    )
    return facts, defaults_of(whole(data).find("moov"), video=False)


def codecs_beside_first(data: bytes) -> frozenset[str]:
    """Sample entry names of all tracks of the init segment ``data`` but the first."""
    entries = [
        next(track.find("mdia", "minf", "stbl", "stsd").children(8), None)
        for track in whole(data).find("moov").children()
        if track.kind == "trak"
    ]
    return frozenset(entry.kind for entry in entries[1:] if entry is not None)
