"""Identifiers."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from common.messages.packages import Identifier
from ingest.jobs.identifiers import LENGTH, RANDOM_BYTES, made_at, make_identifier

TIMES = st.integers(0, 2**47)
CHANCE = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(TIMES, CHANCE)
def test_an_identifier_is_one_that_messages_take(milliseconds: int, chance: bytes) -> None:
    made = make_identifier(milliseconds / 1000, chance)
    assert len(made) == LENGTH
    assert msgspec.convert(made, Identifier) == made


@given(TIMES, TIMES, CHANCE, CHANCE)
def test_later_identifiers_sort_behind_earlier_ones(
    one: int, other: int, chance: bytes, luck: bytes
) -> None:
    earlier, later = sorted((one, other))
    if later - earlier > 1:
        assert make_identifier(earlier / 1000, chance) < make_identifier(later / 1000, luck)


def test_an_identifier_tells_when_it_was_made() -> None:
    assert made_at(make_identifier(1_790_000_000.123, b"0123456789")) == 1_790_000_000.123


def test_a_name_of_another_kind_tells_nothing() -> None:
    assert made_at("ILLEGAL") is None
    assert made_at("u" * LENGTH) is None
