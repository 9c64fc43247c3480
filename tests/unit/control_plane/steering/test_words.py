"""What a player says of itself, and what of it is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.steering import Words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Words()),
        ({"_HLS_pathway": "eu-1", "_HLS_throughput": "5140000"}, Words("eu-1", 5_140_000.0)),
        ({"_HLS_pathway": '"eu-1"'}, Words("eu-1")),
        ({"CMCD": "bl=2500,bs,mtp=4000"}, Words("", 4e6, 2.5, starved=True)),
        ({"CMCD": "mtp=4000", "_HLS_throughput": "7"}, Words("", 7.0)),
        ({"_HLS_throughput": "0"}, Words()),
        ({"_HLS_throughput": "-1"}, Words()),
        ({"_HLS_throughput": "9" * 15}, Words()),
        ({"_HLS_throughput": "٣"}, Words()),
        ({"_HLS_pathway": "eu 1"}, Words()),
        ({"_HLS_pathway": "e" * 65}, Words()),
        ({"CMCD": "bl=-1,mtp=nan,bs=false"}, Words()),
        ({"CMCD": "bl=99999999999"}, Words()),
        ({"CMCD": "bl=0,su"}, Words()),
        ({"CMCD": "," * 5000 + "bs"}, Words()),
        ({"CMCD": 'sid="a,bs"'}, Words()),
    ],
)
def test_what_makes_sense_of_a_request_is_heard(query: dict[str, str], expected: Words) -> None:
    assert Words.heard(query, {}) == expected


def test_cmcd_in_fields_is_heard_too() -> None:
    words = Words.heard({}, {"CMCD-Request": "bl=900", "CMCD-Status": "bs"})

    assert words == Words(buffer=0.9, starved=True)


@pytest.mark.parametrize(
    ("words", "starving"),
    [
        (Words(), False),
        (Words(buffer=3.9), True),
        (Words(buffer=4.0), False),
        (Words(buffer=30.0, starved=True), True),
    ],
)
def test_who_has_run_dry_or_soon_may_is_starving(words: Words, starving: bool) -> None:
    assert words.starving is starving


@given(
    st.dictionaries(
        st.sampled_from(["_HLS_pathway", "_HLS_throughput", "CMCD"]), st.text(max_size=100)
    )
)
def test_no_garbage_is_an_error(query: dict[str, str]) -> None:
    words = Words.heard(query, {})

    assert len(words.pathway) <= 64
    assert words.throughput is None or 0 < words.throughput <= 1e12
    assert words.buffer is None or 0 <= words.buffer <= 3600
