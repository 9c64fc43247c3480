"""RFC 9111 §5.2: the directives of Cache-Control, doubt counted against freshness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import parse_cache_control
from common.http.cache_control import LONGEST_DELTA, LONGEST_FIELD


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("max-age=60", 60),
        ("MAX-AGE=60", 60),
        ('max-age="60"', 60),
        ("no-cache, max-age=60", 60),
        (" max-age=60 ,", 60),
        ("max-age=0060", 60),
        ("max-age=00000000000000000000000000000060", 60),
        ("max-age=0", 0),
        ("max-age=2147483648", LONGEST_DELTA),
        ("max-age=99999999999999999999999999", LONGEST_DELTA),
        ("max-age=60, max-age=3600", 60),
        ('foo="max-age=1", max-age=60', 60),
        ('foo="a\\", max-age=1", max-age=60', 60),
        ("foo=bar baz, max-age=60", 60),
        ("=;, max-age=60", 60),
        (",, ,max-age=60,,", 60),
        ('max-age="6\\0"', 60),
        ('MAX-AGE="60", max-age=0', 60),
        ("max-age=60\t, no-cache", 60),
    ],
)
def test_seconds_are_read(field: str, seconds: int) -> None:
    assert parse_cache_control([field]).seconds("max-age") == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        "=",
        "=-1",
        "=1.5",
        "=1e3",
        "=abc",
        "=0x10",
        "= 60",
        " =60",
        "=60 s",
        "=٦",
        '="6',
        "=3600.0",
        "=60\0",
        "=\0",
        "='60'",
        "=60;a",
        '="60"x',
        '=" 60"',
        "=60\n",
    ],
)
def test_seconds_that_break_the_grammar_are_none_at_all(value: str) -> None:
    assert parse_cache_control([f"max-age{value}"]).seconds("max-age") == 0


def test_an_unreadable_first_of_several_counts() -> None:
    assert parse_cache_control(["max-age=x, max-age=60"]).seconds("max-age") == 0


def test_an_absent_directive_has_no_seconds() -> None:
    assert parse_cache_control(["s-maxage=60, x-max-age=1"]).seconds("max-age") is None


@pytest.mark.parametrize(
    "field",
    [
        "no-store",
        "No-Store",
        "no-store=1",
        "max-age=1,no-store",
        'a="b, no-store',
        "no-store x",
        "no-store\0",
        'no-store=""',
        ",\t,no-store,",
    ],
)
def test_no_store_is_found_wherever_it_stands(field: str) -> None:
    assert "no-store" in parse_cache_control([field])


def test_no_store_within_quotes_is_none() -> None:
    assert "no-store" not in parse_cache_control(['ext="a, no-store, b"'])


def test_lines_are_one_list() -> None:
    found = parse_cache_control(["max-age=1", "no-cache"])
    assert found.seconds("max-age") == 1
    assert "no-cache" in found


def test_a_field_too_long_to_read_forbids_storing() -> None:
    assert "no-store" in parse_cache_control(["max-age=60," + "a," * LONGEST_FIELD])


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ('no-cache="Set-Cookie, X-Y"', {"set-cookie", "x-y"}),
        ("no-cache=Set-Cookie", {"set-cookie"}),
        ('no-cache="a", no-cache="b"', {"a", "b"}),
        ("no-cache", set()),
        ('no-cache="a", no-cache', set()),
        ('no-cache=""', set()),
        ("max-age=1", None),
    ],
)
def test_a_directive_may_be_limited_to_fields(field: str, names: set[str] | None) -> None:
    assert parse_cache_control([field]).field_names("no-cache") == names


def test_no_field_has_no_directives() -> None:
    assert not parse_cache_control([]).directives


NAMES = st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True)
VALUES = st.none() | st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=10)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_what_is_written_is_read_back(directives: list[tuple[str, str | None]]) -> None:
    def written(name: str, value: str | None) -> str:
        if value is None:
            return name
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{name}="{quoted}"'

    found = parse_cache_control([written(name, value) for name, value in directives])
    expected: dict[str, tuple[str | None, ...]] = {}
    for name, value in directives:
        expected[name] = (*expected.get(name, ()), value)
    assert found.directives == expected


@given(st.lists(st.text(max_size=100), max_size=4))
def test_any_text_is_read(lines: list[str]) -> None:
    found = parse_cache_control(lines)
    for name in ("max-age", "no-cache", *found.directives):
        assert (found.seconds(name) or 0) >= 0
        found.field_names(name)


@given(st.text('ab=," \\-', max_size=60))
def test_a_directive_at_the_end_is_seen_behind_any_balanced_text(text: str) -> None:
    if '"' not in text:
        assert "no-store" in parse_cache_control([f"{text},no-store"])
