"""Numbers in the words of the pages, and numbers in names. Pure."""

import re
from typing import Final

from common.messages import Evidence

NBSP: Final = "\N{NO-BREAK SPACE}"

NameOrder = list[tuple[bool, int, str]]


def readable_size(count: float) -> str:
    """A number of bytes for people, in decimal units, with a space that does not break."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 1000:
            break
        count /= 1000
        unit = larger
    digits = 0 if unit == "B" or count >= 100 else 1
    return f"{count:.{digits}f}{NBSP}{unit}"


def readable_duration(seconds: float) -> str:
    """A duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def readable_speed(times: float) -> str:
    """How many times as fast as something plays."""
    return f"{times:.1f}" if times >= 1 else f"{times:.2g}"


def readable_passage(evidence: Evidence) -> str:
    """Where in a video the evidence is, to a tenth of a second; empty when it is all of it."""
    if evidence.start is None:
        return ""
    if evidence.end is None or evidence.end <= evidence.start:
        return _moment(evidence.start)
    return f"{_moment(evidence.start)}–{_moment(evidence.end)}"


def _moment(seconds: float) -> str:
    minutes, rest = divmod(round(seconds * 10), 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02}.{rest % 10}"


def name_order(name: str) -> NameOrder:
    """What sorts names by the numbers in them: eu-2 before eu-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [
        (False, int(part), "") if part[0] in "0123456789" else (True, 0, part) for part in parts
    ]
