"""RFC 9213 §2.1: cache control that is aimed at some caches, as a Dictionary."""

from decimal import Decimal

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import CacheControl, parse_targeted
from common.http.cache_control import LONGEST_DELTA, LONGEST_FIELD


def read(field: str) -> CacheControl:
    found = parse_targeted([field])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("max-age=3600", 3600),
        ("foobar, max-age=3600", 3600),
        (" no-cache ,\tmax-age=3600 ", 3600),
        ("max-age=0", 0),
        ("max-age=2147483648", LONGEST_DELTA),
        ("max-age=999999999999999", LONGEST_DELTA),
        ("max-age=1, max-age=3600", 3600),
        ("max-age=3600;because=reasons", 3600),
    ],
)
def test_integers_are_seconds(field: str, seconds: int) -> None:
    assert read(field).seconds("max-age") == seconds


@pytest.mark.parametrize(
    "value", ["", '="3600"', "=3600.0", "=-1", "=abc", "=(3600)", "=?0", "=:MzYwMA==:", "=@3600"]
)
def test_seconds_of_another_type_are_none_at_all(value: str) -> None:
    assert read(f"max-age{value}").seconds("max-age") == 0


@pytest.mark.parametrize("value", ["", "=?1", "=?0", "=1", "=(a b)", ";a=1"])
def test_a_directive_is_there_whatever_its_value(value: str) -> None:
    assert "no-store" in read(f"no-store{value}")


@pytest.mark.parametrize(
    ("field", "names"),
    [
        ('private="Set-Cookie, X-Y"', {"set-cookie", "x-y"}),
        ("private", set()),
        ('private=""', set()),
        ('private="123"', set()),
        ("private=set-cookie", set()),
        ('private=("set-cookie")', set()),
        ("max-age=1", None),
    ],
)
def test_strings_limit_a_directive_to_fields(field: str, names: set[str] | None) -> None:
    assert read(field).field_names("private") == names


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [""],
        ["  "],
        ["max-age=10000, &&&&&"],
        ["max-age=60,"],
        [",max-age=60"],
        ["max-age =60"],
        ["max-age= 60"],
        ["MaX-aGe=60"],
        ["max-age=1000000000000000"],
        ["max-age=60; "],
        ['private="a'],
        ['private="ä"'],
        ["max-age=60\0"],
        ["max-age=\ud800"],
        ["max-age=60", ""],
        ["a" * (LONGEST_FIELD + 1)],
    ],
)
def test_what_is_no_dictionary_is_no_field(lines: list[str]) -> None:
    assert parse_targeted(lines) is None


def test_the_longest_field_is_read() -> None:
    assert "a" * LONGEST_FIELD in read("a" * LONGEST_FIELD)


def test_lines_are_one_dictionary() -> None:
    found = parse_targeted(["max-age=60, no-cache", "max-age=120"])
    assert found is not None
    assert found.seconds("max-age") == 120
    assert "no-cache" in found


@given(st.lists(st.text(max_size=100), max_size=4))
def test_any_text_is_read_or_ignored(lines: list[str]) -> None:
    found = parse_targeted(lines)
    assert found is None or found.directives


@given(st.text('abz*-=;,"?01.:@%()\\ \t', max_size=60))
def test_text_of_structured_characters_is_read_or_ignored(text: str) -> None:
    found = parse_targeted([text])
    assert found is None or all((found.seconds(name) or 0) >= 0 for name in found.directives)


KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,10}", fullmatch=True)
STRINGS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
VALUES = (
    st.booleans()
    | st.integers(0, LONGEST_DELTA)
    | st.decimals(0, 1000, places=3)
    | STRINGS
    | st.binary(max_size=8)
)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=6))
def test_what_is_written_is_read_back(
    members: dict[str, bool | int | Decimal | str | bytes],
) -> None:
    found = read(http_sf.ser({name: (value, {}) for name, value in members.items()}))
    assert list(found.directives) == list(members)
    for name, value in members.items():
        if type(value) is int:
            assert found.seconds(name) == value
        else:
            assert found.seconds(name) == 0
