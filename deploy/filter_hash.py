"""``nearcast filter hash``: the lines of a block list for one file."""

from pathlib import Path

from ingest.filter.answers import short
from ingest.filter.hashing import hashes_of
from ingest.filter.matching import MIN_QUALITY


async def lines_of(file: Path) -> list[str]:
    """The PDQ hash of each second of ``file``, labelled, and its SHA-256 as a comment.

    Frames that are too plain to tell videos apart are comments too.

    Raises:
        NearcastError: it is no video that can be used.
    """
    hashes = await hashes_of(file)
    name = short(file.name)
    lines = [f"# SHA-256 {hashes.sha256} {name}"]
    for frame in hashes.frames:
        line = f"{frame.pdq.hex()} {name} at {frame.time:g} s"
        plain = frame.quality < MIN_QUALITY
        lines.append(f"# quality {frame.quality}: {line}" if plain else line)
    return lines
