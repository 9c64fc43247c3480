"""What passes between a filter's process and the chain, made safe: short, few and finite."""

import itertools
import math
from typing import Any, Final

import msgspec

from common.messages import Decision, Evidence
from ingest.filter.errors import AnswerInvalid
from ingest.filter.model import Answer, Subject

MAX_EVIDENCE: Final = 100
MAX_REASON: Final = 200
"""Characters."""

MAX_SAID: Final = 1 << 20
"""Bytes that a filter's process may say, its progress included."""


class Request(msgspec.Struct, frozen=True):
    """What a filter's process is told."""

    kind: str
    options: dict[str, Any]
    subject: Subject
    seconds: float
    """Time that it has."""
    memory: int
    """Address space of what it starts; 0 is no limit."""


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line that a filter's process says: progress, or at its end an answer or a failure."""

    progress: float | None = None
    """0 to 1."""
    answer: Answer | None = None
    failure: str | None = None
    """One sentence."""


def parsed(line: bytes | bytearray) -> Report:
    """The report in ``line``.

    Raises:
        AnswerInvalid: it is none.
    """
    try:
        report = msgspec.json.decode(line, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerInvalid(reason=_lowered(str(error))) from error
    if report.answer is None:
        return report
    return msgspec.structs.replace(report, answer=checked(report.answer))


def parsed_answer(text: bytes) -> Answer:
    """The answer in ``text``, which came from outside.

    Raises:
        AnswerInvalid: it is none.
    """
    try:
        return checked(msgspec.json.decode(text, type=Answer))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerInvalid(reason=_lowered(str(error))) from error


def checked(answer: Any) -> Answer:
    """``answer`` with no more evidence and no longer sentences than is good.

    Raises:
        AnswerInvalid: it is no answer, or has numbers that are no times or scores.
    """
    if not isinstance(answer, Answer):
        raise AnswerInvalid(reason=f"it is {type(answer).__name__} and not Answer")
    if not isinstance(answer.decision, Decision):
        raise AnswerInvalid(reason="its decision is none of allow, review, block")
    evidence = itertools.islice(answer.evidence, MAX_EVIDENCE)
    return Answer(decision=answer.decision, evidence=tuple(_checked(one) for one in evidence))


def short(text: str) -> str:
    """``text`` as one line of at most ``MAX_REASON`` characters that can be printed."""
    # Cut before and after: the longest text costs no more than a long one.
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * MAX_REASON])
    line = " ".join(line.split())
    return line if len(line) <= MAX_REASON else line[: MAX_REASON - 1] + "…"


def _checked(evidence: Any) -> Evidence:
    if not isinstance(evidence, Evidence) or not isinstance(evidence.reason, str):
        raise AnswerInvalid(reason="its evidence is not a series of Evidence")
    start, end = _number(evidence.start), _number(evidence.end)
    if (start is not None and start < 0) or (end is not None and end < (start or 0)):
        raise AnswerInvalid(reason=f"a passage from {start} to {end} seconds is none")
    return Evidence(
        reason=short(evidence.reason), start=start, end=end, score=_number(evidence.score)
    )


def _number(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise AnswerInvalid(reason="a time or score is no number") from error
    if not math.isfinite(number):
        raise AnswerInvalid(reason=f"a time or score is {number}")
    return number


def _lowered(text: str) -> str:
    # "JSON is malformed" begins with no word that has a small letter.
    begun = text if text[1:2].isupper() else text[:1].lower() + text[1:]
    return short(begun).rstrip(".")
