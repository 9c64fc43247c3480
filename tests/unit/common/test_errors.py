"""Errors say one sentence, keep their facts, and become problem documents (RFC 9457)."""

from pathlib import Path

import pytest

from common.errors import (
    BadRequest,
    CredentialForbidden,
    NearcastError,
    PortTaken,
    StorageFull,
)


class TeapotIsEmpty(NearcastError):
    """The teapot {name!r} is empty,
    and holds {capacity} ml.

    More for people who read code.
    """

    status = 418


def test_the_message_is_the_first_paragraph_with_its_facts() -> None:
    assert str(TeapotIsEmpty(name="blue", capacity=500)) == (
        "The teapot 'blue' is empty, and holds 500 ml."
    )


def test_facts_may_hold_braces() -> None:
    assert str(BadRequest(detail="{x} {0}")) == "{x} {0}"


def test_a_missing_fact_is_noticed() -> None:
    with pytest.raises(KeyError):
        TeapotIsEmpty(name="blue")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TeapotIsEmpty(name="blue", capacity=5), "teapot-is-empty"),
        (PortTaken(port=1, host="x"), "port-taken"),
        (NearcastError(), "nearcast"),
    ],
)
def test_the_code_is_the_name_in_kebab_case(error: NearcastError, code: str) -> None:
    assert error.code == code


def test_the_problem_document_has_the_facts_beside_the_sentence() -> None:
    assert TeapotIsEmpty(name="blue", capacity=500).problem() == {
        "type": "urn:nearcast:problem:teapot-is-empty",
        "title": "Teapot is empty",
        "status": 418,
        "detail": "The teapot 'blue' is empty, and holds 500 ml.",
        "name": "blue",
        "capacity": 500,
    }


def test_facts_cannot_take_the_place_of_standard_members() -> None:
    problem = BadRequest(detail="bad", status=200, type="about:evil").problem()

    assert (problem["status"], problem["type"]) == (400, "urn:nearcast:problem:bad-request")


def test_facts_of_other_types_are_told_as_text() -> None:
    assert StorageFull(where=Path("data")).problem()["where"] == "data"


def test_statuses_are_those_of_the_mistakes() -> None:
    assert CredentialForbidden(name="x", needed="edge").status == 403
    assert StorageFull(where="x").status == 507
