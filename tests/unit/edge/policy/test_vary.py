"""RFC 9111 §4.1: the fields that select a stored response, and when they agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http.fields import Fields, Pairs
from edge.policy.vary import (
    MOST_SELECTING,
    matches,
    normalised,
    selecting_fields,
    selecting_names,
)

NAMES = st.sampled_from(["foo", "bar", "accept", "accept-language", "accept-encoding"])
VALUES = st.text(alphabet='ab,;=q01. \t"\\', max_size=12)
REQUESTS = st.lists(st.tuples(NAMES, VALUES), max_size=5).map(Fields)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([], ()),
        ([""], ()),
        ([" , ,"], ()),
        (["Accept"], ("accept",)),
        (["b, A"], ("a", "b")),
        (["b", "A"], ("a", "b")),
        (["a, A , a"], ("a",)),
        (["*"], None),
        (["a, *"], None),
        (["a", " * "], None),
        (["a*"], ("a*",)),
    ],
)
def test_rfc9110_12_5_5_names_in_vary_are_a_set_and_an_asterisk_is_none(
    lines: list[str], names: tuple[str, ...] | None
) -> None:
    assert selecting_names(Fields(("Vary", line) for line in lines)) == names


@pytest.mark.parametrize("count", [MOST_SELECTING, MOST_SELECTING + 1])
def test_more_names_than_are_kept_are_as_good_as_an_asterisk(count: int) -> None:
    found = selecting_names(Fields([("Vary", ",".join(f"x{number}" for number in range(count)))]))

    assert (found is None) is (count > MOST_SELECTING)


@pytest.mark.parametrize(
    ("fields", "selecting"),
    [
        ((), (("foo", None),)),
        ((("Foo", ""),), (("foo", ""),)),
        ((("FOO", " a "), ("Bar", "b")), (("foo", "a"),)),
        ((("Foo", "b"), ("Foo", "a")), (("foo", "b,a"),)),
    ],
)
def test_rfc9111_4_1_an_absent_field_is_told_from_an_empty_one(
    fields: Pairs, selecting: tuple[tuple[str, str | None], ...]
) -> None:
    assert selecting_fields(("foo",), Fields(fields)) == selecting


@pytest.mark.parametrize(
    ("name", "lines", "form"),
    [
        ("foo", ["a"], "a"),
        ("foo", ["a ,\tb"], "a,b"),
        ("foo", ["a", "b, c"], "a,b,c"),
        ("foo", ["b, a"], "b,a"),
        ("foo", ["A"], "A"),
        ("foo", ["a b"], "a b"),
        ("foo", [",a,,b,"], "a,b"),
        ("foo", ['"a , b"'], '"a , b"'),
        ("foo", ['"a\\", b"'], '"a\\", b"'),
        ("foo", ["a;q=0.5"], "a;q=0.5"),
        ("accept-language", ["fr, EN"], "en,fr"),
        ("accept-language", ["en;q=0.1, fr;q=0.9"], "fr;q=0.9,en;q=0.1"),
        ("accept-language", ["en ; Q=0.500"], "en;q=0.5"),
        ("accept-language", ["en;q=1.000"], "en"),
        ("accept-language", ["en;q=0"], "en;q=0"),
        ("accept-language", ["en;q=0.000"], "en;q=0"),
        ("accept-language", ["en;q=x"], "en;q=x"),
        ("accept-encoding", ["GZip, BR;q=0.1"], "gzip,br;q=0.1"),
        ("accept", ["b/b, a/A;q=0.1, a/a"], "a/a,b/b,a/A;q=0.1"),
        ("accept", ["a/b;v=Q, a/b;v=q"], "a/b;v=Q,a/b;v=q"),
    ],
)
def test_rfc9111_4_1_values_of_one_meaning_have_one_form(
    name: str, lines: list[str], form: str
) -> None:
    assert normalised(name, lines) == form


@given(NAMES, st.lists(VALUES, min_size=1, max_size=4))
def test_rfc9110_5_3_lines_mean_what_their_list_means(name: str, values: list[str]) -> None:
    whole = [value for value in values if value.count('"') == 0]

    assert normalised(name, whole) == normalised(name, [",".join(whole)])


@given(NAMES, st.lists(VALUES, max_size=4))
def test_the_form_of_a_form_is_itself(name: str, values: list[str]) -> None:
    values = [value for value in values if '"' not in value]
    once = normalised(name, values)

    assert normalised(name, [once]) == once


@given(st.lists(NAMES, max_size=4, unique=True), REQUESTS)
def test_rfc9111_4_1_a_request_selects_what_is_stored_for_it(
    names: list[str], request: Fields
) -> None:
    assert matches(selecting_fields(tuple(names), request), request)


@given(st.lists(NAMES, max_size=4, unique=True), REQUESTS, REQUESTS)
def test_rfc9111_4_1_two_requests_select_the_same_when_their_selecting_fields_agree(
    names: list[str], left: Fields, right: Fields
) -> None:
    agree = selecting_fields(tuple(names), left) == selecting_fields(tuple(names), right)

    assert matches(selecting_fields(tuple(names), left), right) is agree


@given(REQUESTS)
def test_rfc9111_4_1_what_varies_on_nothing_suits_every_request(request: Fields) -> None:
    assert matches((), request)
