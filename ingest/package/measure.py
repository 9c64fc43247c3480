"""Measure what an encode wrote into a folder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from ingest.package.errors import PartInvalid
from ingest.package.facts import PartFacts, SegmentFacts
from ingest.package.layout import INIT_NAME, TRANSPORT_PREFIX
from ingest.package.packets import key_pieces, require_packets
from ingest.package.segments import read_init, read_segment

SEGMENTS: Final = "*.m4s"
TRANSPORT_STREAMS: Final = "*.ts"


def measure(folder: Path, names: Sequence[str]) -> dict[str, PartFacts]:
    """The facts of what lies in the folders ``names`` of ``folder``, the segments by name.

    Of a transport stream the times are those of its twin, which must be among ``names``. Reads
    every byte, once: call it in a thread, where an event loop runs.

    Raises:
        PartInvalid: something is missing or is not what an encode makes.
    """
    facts = {
        name: _fragmented(folder / name) for name in names if not name.startswith(TRANSPORT_PREFIX)
    }
    for name in names:
        if name.startswith(TRANSPORT_PREFIX):
            twin = facts[name.removeprefix(TRANSPORT_PREFIX)]
            facts[name] = _transport_stream(folder / name, twin)
    return facts


def _fragmented(folder: Path) -> PartFacts:
    try:
        init, defaults = read_init(INIT_NAME, (folder / INIT_NAME).read_bytes())
    except FileNotFoundError as error:
        raise PartInvalid(name=INIT_NAME, reason="the encoder did not write it") from error
    return PartFacts(
        init=init,
        segments=tuple(
            read_segment(path.name, path.read_bytes(), defaults)
            for path in sorted(folder.glob(SEGMENTS))
        ),
    )


def _transport_stream(folder: Path, twin: PartFacts) -> PartFacts:
    paths = sorted(folder.glob(TRANSPORT_STREAMS))
    if [path.stem for path in paths] != [Path(one.name).stem for one in twin.segments]:
        raise PartInvalid(name=folder.name, reason="it has other segments than its twin")
    return PartFacts(
        init=None,
        segments=tuple(
            _of_packets(path, segment) for path, segment in zip(paths, twin.segments, strict=True)
        ),
    )


def _of_packets(path: Path, twin: SegmentFacts) -> SegmentFacts:
    data = path.read_bytes()
    require_packets(path.name, data)
    pieces = key_pieces(data) if twin.key_frames else []
    if len(pieces) != len(twin.key_frames):
        raise PartInvalid(name=path.name, reason="it has not the key frames of its twin")
    return replace(
        twin,
        name=path.name,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        key_frames=tuple(
            replace(key, offset=piece.offset, size=piece.size)
            for key, piece in zip(twin.key_frames, pieces, strict=True)
        ),
    )
