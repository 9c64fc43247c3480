"""What of a request counts."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.routing.asked import (
    FIELDS,
    MOST_PARAMETERS,
    PARAMETERS,
    bounded,
    number,
    parameters,
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {}),
        ("profile=ts&max_height=720", {"profile": "ts", "max_height": "720"}),
        ("x=1&profile=ts&profile=main", {"profile": "ts"}),
        ("CMCD=mtp%3D900%2Csid%3D%22a%22", {"CMCD": 'mtp=900,sid="a"'}),
        ("profile", {"profile": ""}),
        ("profile=%ff%00", {"profile": "\ufffd\x00"}),
        ("Profile=ts&%70rofile=ts", {}),
        ("&" * 8000 + "profile=ts", {}),
        ("profile=" + "%41" * 2000, {"profile": "A" * PARAMETERS["profile"]}),
    ],
)
def test_parameters(query: str, found: dict[str, str]) -> None:
    assert parameters(query) == found


ascii_text = st.text(alphabet=st.characters(max_codepoint=127), max_size=8)


@given(st.dictionaries(st.sampled_from(sorted(PARAMETERS)), ascii_text))
def test_what_is_encoded_is_read(asked: dict[str, str]) -> None:
    query = urlencode(asked).replace("+", "%20")

    assert parameters(query) == asked


@given(st.text(alphabet="=&%aCMDprofile_0f", max_size=2000))
def test_whatever_comes_is_bounded(query: str) -> None:
    found = parameters(query)

    assert found.keys() <= PARAMETERS.keys()
    assert all(len(value) <= PARAMETERS[name] for name, value in found.items())
    assert len(found) <= MOST_PARAMETERS


def test_fields_that_do_not_count_are_left_out_and_others_cut() -> None:
    told = bounded({"user-agent": "a" * 9999, "cookie": "secret", "rtt": ""}, FIELDS)

    assert told == {"user-agent": "a" * FIELDS["user-agent"]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("0", None),
        ("-1", None),
        ("1e3", None),
        ("٣", None),
        ("101", None),
        (" 1", None),
        ("", None),
        (None, None),
        ("9" * 400, None),
    ],
)
def test_numbers(text: str | None, value: float | None) -> None:
    assert number(text, most=100) == value
