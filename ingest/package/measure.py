"""Measure what an encode wrote into a folder."""

from pathlib import Path
from typing import Final

from ingest.package.errors import PartInvalid
from ingest.package.facts import PartFacts
from ingest.package.layout import INIT_NAME
from ingest.package.segments import read_init, read_segment

SEGMENTS: Final = "*.m4s"


def measure(folder: Path) -> PartFacts:
    """The facts of the init segment and all segments in ``folder``, the segments by name.

    Reads every byte: call it in a thread, where an event loop runs.

    Raises:
        PartInvalid: something is missing or is not what an encode makes.
    """
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
