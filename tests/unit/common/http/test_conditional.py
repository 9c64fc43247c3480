"""RFC 9110 §8.8.3 and §13: entity tags and preconditions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import (
    Conditions,
    EntityTag,
    Verdict,
    format_http_date,
    judge,
    parse_entity_tag,
    parse_entity_tags,
    range_applies,
)
from common.http.conditional import LONGEST_FIELD

CHANGED = 1_700_000_000.75
NOW = CHANGED + 100
BEFORE, SAME, AFTER = (format_http_date(CHANGED + shift) for shift in (-10, 0, 10))
STRONG, WEAK = EntityTag("a"), EntityTag("a", weak=True)


def verdict(method: str = "GET", etag: EntityTag | None = STRONG, **fields: str) -> Verdict:
    return judge(method, Conditions(**fields), etag=etag, last_modified=CHANGED, now=NOW)


@pytest.mark.parametrize(
    ("one", "other", "strongly", "weakly"),
    [
        (WEAK, WEAK, False, True),
        (WEAK, EntityTag("b", weak=True), False, False),
        (WEAK, STRONG, False, True),
        (STRONG, STRONG, True, True),
    ],
)
def test_tags_compare_as_in_the_table_of_8_8_3_2(
    one: EntityTag, other: EntityTag, strongly: bool, weakly: bool
) -> None:
    assert one.matches_strongly(other) is strongly
    assert one.matches_weakly(other) is weakly


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('"a"', EntityTag("a")),
        ('W/"a"', EntityTag("a", weak=True)),
        ('""', EntityTag("")),
        (' "a,b" ', EntityTag("a,b")),
        ('"a\\"', EntityTag("a\\")),
        ("a", None),
        ('w/"a"', None),
        ('"a', None),
        ('"a" "b"', None),
        ('"a b"', None),
        ('W/ "a"', None),
        ('W"a"', None),
        ('"a\0"', None),
        ('"a\x7f"', None),
        ('"a"\n', None),
        ('"ä"', EntityTag("ä")),
        ("*", None),
    ],
)
def test_one_tag_is_read_by_its_grammar(field: str, expected: EntityTag | None) -> None:
    assert parse_entity_tag(field) == expected


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ('"a", W/"b","c,d"', ["a", "b", "c,d"]),
        (', "a",, "b" ,', ["a", "b"]),
        ("", []),
        ('"a" "b"', []),
        ('"a", b', []),
        ('"a"' + "," * LONGEST_FIELD + '"b"', []),
    ],
)
def test_a_list_of_tags_is_read_by_its_grammar(field: str, values: list[str]) -> None:
    assert [tag.value for tag in parse_entity_tags(field)] == values


@pytest.mark.parametrize("field", ['"a"', '"b", "a"', "*"])
def test_if_match_holds_for_the_same_tag(field: str) -> None:
    assert verdict(if_match=field) is Verdict.PROCEED


@pytest.mark.parametrize("field", ['"b"', 'W/"a"', "a", "", '"a" "b"'])
def test_if_match_fails_for_any_other(field: str) -> None:
    assert verdict(if_match=field) is Verdict.FAILED


def test_if_match_never_holds_for_a_weak_tag() -> None:
    assert verdict(etag=WEAK, if_match='W/"a"') is Verdict.FAILED


def test_if_match_fails_without_a_tag() -> None:
    assert verdict(etag=None, if_match='"a"') is Verdict.FAILED


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (BEFORE, Verdict.FAILED),
        (SAME, Verdict.PROCEED),
        (AFTER, Verdict.PROCEED),
        ("yesterday", Verdict.PROCEED),
        (f"{BEFORE}, {BEFORE}", Verdict.PROCEED),
    ],
)
def test_if_unmodified_since_fails_when_it_changed_later(field: str, expected: Verdict) -> None:
    assert verdict(if_unmodified_since=field) is expected


def test_if_match_goes_before_if_unmodified_since() -> None:
    assert verdict(if_match='"a"', if_unmodified_since=BEFORE) is Verdict.PROCEED


@pytest.mark.parametrize("field", ['"a"', 'W/"a"', '"b", W/"a"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_of_the_same_tag_is_not_modified(method: str, field: str) -> None:
    assert verdict(method, if_none_match=field) is Verdict.NOT_MODIFIED


def test_if_none_match_fails_methods_that_change_something() -> None:
    assert verdict("PUT", if_none_match="*") is Verdict.FAILED


@pytest.mark.parametrize("field", ['"b"', "", "a"])
def test_if_none_match_of_another_tag_proceeds(field: str) -> None:
    assert verdict(if_none_match=field) is Verdict.PROCEED


def test_if_none_match_goes_before_if_modified_since() -> None:
    assert verdict(if_none_match='"b"', if_modified_since=AFTER) is Verdict.PROCEED


def test_if_match_goes_before_if_none_match() -> None:
    assert verdict(if_match='"b"', if_none_match='"a"') is Verdict.FAILED


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (BEFORE, Verdict.PROCEED),
        (SAME, Verdict.NOT_MODIFIED),
        (AFTER, Verdict.NOT_MODIFIED),
        ("yesterday", Verdict.PROCEED),
        (f"{AFTER}, {AFTER}", Verdict.PROCEED),
    ],
)
def test_if_modified_since_is_not_modified_when_it_did_not(field: str, expected: Verdict) -> None:
    assert verdict(if_modified_since=field) is expected


def test_if_modified_since_is_only_for_get_and_head() -> None:
    assert verdict("POST", if_modified_since=AFTER) is Verdict.PROCEED


def test_dates_are_ignored_without_a_time_of_change() -> None:
    conditions = Conditions(if_modified_since=AFTER, if_unmodified_since=BEFORE)
    found = judge("GET", conditions, etag=None, last_modified=None, now=NOW)
    assert found is Verdict.PROCEED


@pytest.mark.parametrize(
    ("field", "applies"),
    [
        (None, True),
        ('"a"', True),
        ('W/"a"', False),
        ('"b"', False),
        ("*", False),
        ('"a", "b"', False),
        (SAME, True),
        (BEFORE, False),
        (AFTER, False),
        ("yesterday", False),
    ],
)
def test_if_range_needs_the_very_same_representation(field: str | None, applies: bool) -> None:
    assert range_applies(field, etag=STRONG, last_modified=CHANGED, now=NOW) is applies


def test_if_range_never_takes_a_weak_tag() -> None:
    assert not range_applies('W/"a"', etag=WEAK, last_modified=CHANGED, now=NOW)


def test_if_range_takes_no_date_of_this_very_second() -> None:
    assert not range_applies(SAME, etag=None, last_modified=CHANGED, now=CHANGED)


def test_lines_of_one_field_are_one_list() -> None:
    found = Conditions.of([("If-None-Match", '"b"'), ("if-none-match", '"a"'), ("Host", "x")])
    assert found == Conditions(if_none_match='"b", "a"')


TAGS = st.builds(
    EntityTag,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"')),
    st.booleans(),
)


@given(st.lists(TAGS, max_size=8))
def test_what_is_written_as_a_list_is_read_back(tags: list[EntityTag]) -> None:
    assert list(parse_entity_tags(", ".join(map(str, tags)))) == tags


@given(st.text(max_size=100))
def test_any_text_is_judged(text: str) -> None:
    conditions = Conditions(text, text, text, text, text, text)
    judge("GET", conditions, etag=STRONG, last_modified=CHANGED, now=NOW)
    range_applies(text, etag=STRONG, last_modified=CHANGED, now=NOW)


@given(TAGS, TAGS)
def test_what_matches_strongly_matches_weakly(one: EntityTag, other: EntityTag) -> None:
    assert one.matches_weakly(other) or not one.matches_strongly(other)
