"""Answers of filters: what is odd is refused, what is long is cut."""

import contextlib
import itertools
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.filter import Answer, Decision, Evidence
from ingest.filter.answers import (
    MAX_EVIDENCE,
    MAX_REASON,
    Report,
    checked,
    parsed,
    parsed_answer,
    short,
)
from ingest.filter.errors import AnswerInvalid

ANYTHING = st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.binary(max_size=5))


@given(st.text(max_size=3 * MAX_REASON))
def test_a_sentence_is_one_short_line(text: str) -> None:
    line = short(text)

    assert len(line) <= MAX_REASON
    assert line.isprintable()
    assert short(line) == line


def test_what_is_short_already_stays_as_it_is() -> None:
    assert short("matches 'x' (distance 12)") == "matches 'x' (distance 12)"
    assert short("a\nb\t\x1b[31mc") == "a b [31mc"
    assert short("y" * 1000) == "y" * (MAX_REASON - 1) + "…"


@given(st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING), max_size=3))
def test_whatever_a_plug_in_makes_is_sound_or_refused(evidence: list[tuple[Any, ...]]) -> None:
    made = Answer(Decision.REVIEW, tuple(Evidence(*one) for one in evidence))

    try:
        answer = checked(made)
    except AnswerInvalid:
        return

    for one in answer.evidence:
        assert len(one.reason) <= MAX_REASON
        numbers = [number for number in (one.start, one.end, one.score) if number is not None]
        assert all(math.isfinite(number) for number in numbers)
        assert 0 <= (one.start or 0) <= (one.end if one.end is not None else math.inf)
    assert parsed(msgspec.json.encode(Report(answer=answer))).answer == answer


@pytest.mark.parametrize(
    ("start", "end", "score"),
    [
        (math.nan, None, None),
        (0, math.inf, None),
        (0, 1, -math.inf),
        (-1, 1, None),
        (5, 4, None),
        (None, -1, None),
    ],
)
def test_passages_that_are_none_are_refused(
    start: float | None, end: float | None, score: float | None
) -> None:
    with pytest.raises(AnswerInvalid, match=r"^The filter's answer cannot be used: a "):
        checked(Answer(Decision.ALLOW, (Evidence("x", start, end, score),)))


@pytest.mark.parametrize("answer", [None, "allow", Decision.ALLOW, {"decision": "allow"}, Answer])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    with pytest.raises(AnswerInvalid, match="and not Answer"):
        checked(answer)


def test_a_decision_of_another_word_is_refused() -> None:
    with pytest.raises(AnswerInvalid, match="none of allow, review, block"):
        checked(Answer("maybe"))  # type: ignore[arg-type]  # what a plug-in may do


def test_endless_evidence_is_cut() -> None:
    endless: Any = (Evidence(str(number)) for number in itertools.count())

    answer = checked(Answer(Decision.BLOCK, endless))

    assert len(answer.evidence) == MAX_EVIDENCE
    assert answer.evidence[1].reason == "1"


@given(st.binary(max_size=200))
def test_what_is_said_is_a_report_or_refused(said: bytes) -> None:
    with contextlib.suppress(AnswerInvalid):
        assert isinstance(parsed(said), Report)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"decision": "perhaps"}',
        b'{"decision": "allow", "evidence": [{"reason": "x", "start": 1e999}]}',
        b'{"decision": "allow", "evidence": [{"reason": "x", "start": NaN}]}',
        b'{"decision": "allow", "evidence": [{"reason": "x", "start": "1"}]}',
        b'{"decision": "allow", "evidence": [{"start": 1}]}',
        b'{"evidence": []}',
    ],
)
def test_answers_from_outside_are_held_to_their_types(text: bytes) -> None:
    with pytest.raises(AnswerInvalid):
        parsed_answer(text)


def test_an_answer_from_outside_may_be_short() -> None:
    assert parsed_answer(b'{"decision": "block"}') == Answer(Decision.BLOCK)
    full = (
        b'{"decision": "review", "evidence": [{"reason": "x", "start": 1, "end": 2, "score": 3}]}'
    )
    assert parsed_answer(full) == Answer(Decision.REVIEW, (Evidence("x", 1.0, 2.0, 3.0),))
