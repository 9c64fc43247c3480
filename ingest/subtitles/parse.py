"""SRT and WebVTT to cues. Pure, and meant for files that anybody may send.

Both are blocks between empty lines: a number or a name, a time span, a text. What WebVTT has beside
(notes, styles, regions, a map of timestamps) is dropped. Readers of SRT have always been lenient,
so this one is where the meaning is clear; where it is not, an error names the line.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ingest.subtitles.cues import LONGEST, Cue, written
from ingest.subtitles.errors import (
    CueTooLong,
    SubtitlesCutShort,
    SubtitlesEncodingUnknown,
    SubtitlesLineTooLong,
    SubtitlesTooDense,
    SubtitlesTooLarge,
    TimeSpanInvalid,
    TimeSpanMissing,
    TooManyCues,
)
from ingest.subtitles.markup import cleaned

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_CUES: Final = 50_000
LONGEST_LINE: Final = 2000
"""Characters."""
LONGEST_TEXT: Final = 10_000
"""Characters of a cue."""
MOST_SPREAD: Final = 64 * 1024 * 1024
"""Bytes of all cues, each as often as there are segments that it is shown in."""
SHORTEST_SEGMENT: Final = 2000
"""Milliseconds; no segment but the last is shorter."""

ARROW: Final = "-->"
STAMP: Final = r"(-?)(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-5]?[0-9])(?:[.,]([0-9]{1,3}))?"
SPAN: Final = re.compile(rf"\s*{STAMP}\s*-->\s*{STAMP}(?:[ \t]+(.*))?\s*")
OF_STAMP: Final = 5
"""Groups."""
MINUTES: Final = 60

SETTINGS: Final = {
    "vertical": re.compile("rl|lr"),
    "line": re.compile(
        r"(?:-?[0-9]{1,4}|(?:100|[0-9]{1,2})(?:\.[0-9]{1,6})?%)(?:,(?:start|center|end))?"
    ),
    "position": re.compile(
        r"(?:100|[0-9]{1,2})(?:\.[0-9]{1,6})?%(?:,(?:line-left|center|line-right))?"
    ),
    "size": re.compile(r"(?:100|[0-9]{1,2})(?:\.[0-9]{1,6})?%"),
    "align": re.compile("start|center|end|left|right"),
}
"""W3C WebVTT §4.4. A region would name one of the blocks that are dropped."""

ASIDE: Final = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")
"""How blocks of WebVTT begin that are no cues."""

Numbered = tuple[int, str]
"""A line, and its number from 1."""


class _Found(NamedTuple):
    line: int
    """Where its time span is."""
    span: str
    text: list[str]


def parse_subtitles(data: bytes, *, most_bytes: int = MOST_BYTES) -> tuple[Cue, ...]:
    """The cues of a file, by their times.

    Cues that are never shown are left out: those without text, those that do not end after they
    begin, and those that end before the start.

    Raises:
        SubtitlesInvalid: one of its classes for each way in which the file is no good.
    """
    if len(data) > most_bytes:
        raise SubtitlesTooLarge(limit=most_bytes)
    lines = _lines(_decoded(data))
    webvtt = re.match(r"WEBVTT(?:[ \t]|$)", lines[0]) is not None
    found = _found(_blocks(lines), webvtt=webvtt)
    cues = [cue for cue in (_cue(one, webvtt=webvtt) for one in found) if cue is not None]
    cues.sort(key=lambda cue: (cue.start, cue.end))
    require_room(cues, segment=SHORTEST_SEGMENT, duration=LONGEST)
    return tuple(cues)


def require_room(cues: Sequence[Cue], *, segment: int, duration: int) -> None:
    """See that the cues do not fill the segments of a video; both in milliseconds.

    Raises:
        SubtitlesTooDense: they do.
    """
    spread = 0
    for cue in cues:
        shown = min(cue.end, duration) - min(cue.start, duration)
        spread += len(written(cue).encode()) * (shown // segment + 2)
    if spread > MOST_SPREAD:
        raise SubtitlesTooDense(limit=MOST_SPREAD)


def _decoded(data: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            try:
                return data[2:].decode(encoding)
            except UnicodeDecodeError as error:
                before = data[2 : error.start + 2].decode(encoding, errors="replace")
                raise SubtitlesCutShort(line=len(_lines(before))) from error
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        raise SubtitlesEncodingUnknown(line=len(_lines(before))) from error


def _lines(text: str) -> list[str]:
    """Lines as WebVTT ends them (§6.1), and no other character does."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _blocks(lines: list[str]) -> list[list[Numbered]]:
    blocks: list[list[Numbered]] = [[]]
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            raise SubtitlesLineTooLong(line=number, limit=LONGEST_LINE)
        if line.strip("\x00\x1a \t"):
            blocks[-1].append((number, line))
        elif blocks[-1]:
            blocks.append([])
    return [block for block in blocks if block]


def _found(blocks: list[list[Numbered]], *, webvtt: bool) -> list[_Found]:
    """What the blocks say, text by text."""
    found: list[_Found] = []
    for block in blocks:
        first = webvtt and block[0][0] == 1
        head = _head(block, anywhere=first)
        if head is not None:
            found.extend(_spans(block[head:]))
            if len(found) > MOST_CUES:
                raise TooManyCues(line=block[0][0], limit=MOST_CUES)
        elif first or (webvtt and ASIDE.match(block[0][1])):
            continue
        elif found and not _is_number(block[-1][1]):
            # An empty line within a text.
            found[-1].text.extend(line for _, line in block)
        elif not webvtt:
            raise TimeSpanMissing(line=block[0][0])
    return found


def _head(block: list[Numbered], *, anywhere: bool) -> int | None:
    """Which line of a block is its time span: the first or, below a name, the second."""
    lines = block if anywhere else block[:2]
    return next((place for place, (_, line) in enumerate(lines) if ARROW in line), None)


def _spans(block: list[Numbered]) -> Iterator[_Found]:
    """The cue of a block; several where the empty lines between them are missing."""
    if SPAN.fullmatch(block[0][1]) is None:
        raise TimeSpanInvalid(line=block[0][0])
    begins = [place for place, (_, line) in enumerate(block) if SPAN.fullmatch(line)]
    for begin, end in zip(begins, [*begins[1:], len(block)], strict=True):
        text = [line for _, line in block[begin + 1 : end]]
        if end < len(block) and text and _is_number(text[-1]):
            # Of the cue that follows.
            text.pop()
        yield _Found(*block[begin], text)


def _is_number(line: str) -> bool:
    return line.strip().isdecimal()


def _cue(found: _Found, *, webvtt: bool) -> Cue | None:
    """The cue that was found; None when it is never shown."""
    span = SPAN.fullmatch(found.span)
    assert span is not None
    groups = span.groups()
    start = _milliseconds(groups[:OF_STAMP], found.line)
    end = _milliseconds(groups[OF_STAMP:-1], found.line)
    text = "\n".join(found.text)
    if len(text) > LONGEST_TEXT:
        raise CueTooLong(line=found.line, limit=LONGEST_TEXT)
    shown = cleaned(text, overrides=not webvtt)
    if not shown or end <= max(start, 0):
        return None
    return Cue(max(start, 0), end, shown, _settings(groups[-1] or ""))


def _milliseconds(groups: tuple[str | None, ...], line: int) -> int:
    sign, hours, minutes, seconds, fraction = groups
    if hours is not None and int(minutes or 0) >= MINUTES:
        raise TimeSpanInvalid(line=line)
    whole = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + int(seconds or 0)
    total = whole * 1000 + int((fraction or "0").ljust(3, "0"))
    return -total if sign else total


def _settings(words: str) -> str:
    kept: dict[str, str] = {}
    for word in words.split():
        name, _, value = word.partition(":")
        wanted = SETTINGS.get(name)
        if wanted is not None and wanted.fullmatch(value):
            kept.setdefault(name, value)
    return " ".join(f"{name}:{value}" for name, value in kept.items())
