"""CBOR of the plainest kind is told from all other bytes."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.signing.plain_cbor import DEEPEST, decoded, is_plain

PLAIN = st.recursive(
    st.one_of(
        st.integers(-(2**64), 2**64 - 1),
        st.binary(max_size=300),
        st.text(max_size=30),
        st.booleans(),
        st.floats(allow_nan=False),
        st.none(),
    ),
    lambda items: st.one_of(
        st.lists(items, max_size=3), st.dictionaries(st.integers(0, 400), items, max_size=3)
    ),
    max_leaves=8,
)


def nested(depth: int) -> bytes:
    return b"\x81" * depth + b"\x00"


@given(PLAIN)
def test_what_tokens_are_made_of_is_plain(value: object) -> None:
    data = cbor2.dumps(value)

    assert is_plain(data)
    assert decoded(data) == value
    assert not any(is_plain(data[:length]) for length in range(len(data)))
    assert not is_plain(data + b"\x00")


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at_without_an_error(data: bytes) -> None:
    if not is_plain(data):
        assert decoded(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x5f\x41a\xff",
        b"\x9f\xff",
        b"\xbf\xff",
        b"\xff",
        b"\x1c\x00",
        b"\xf7",
        b"\xe0",
        b"\xf8\xff",
        cbor2.dumps(2**70),
        cbor2.dumps(cbor2.CBORTag(35, "(a+)+")),
        b"\xd8\x1c\x81\xd8\x1d\x00",
        b"\x9b" + b"\xff" * 8,
        b"\xbb" + b"\x7f" + b"\xff" * 7,
        b"\x5b" + b"\xff" * 8,
        nested(DEEPEST),
        nested(1000),
    ],
)
def test_what_no_token_needs_is_not_plain(data: bytes) -> None:
    assert not is_plain(data)


def test_text_that_is_no_utf_8_is_nothing() -> None:
    assert is_plain(b"\x61\xff")
    assert decoded(b"\x61\xff") is None


def test_what_is_nested_as_deeply_as_it_may_is_plain() -> None:
    assert is_plain(nested(DEEPEST - 1))
