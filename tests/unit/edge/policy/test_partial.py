"""RFC 9110 §14.4, §8.8.2.2, RFC 9111 §3.4: what part came, and whether it fits another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import format_http_date
from common.http.fields import Pairs
from edge.policy.partial import (
    ContentRange,
    read_content_range,
    same_representation,
    strong_validator,
)
from edge.policy.stored import Stored

NOW = 1_800_000_000.0
EARLIER, SENT = format_http_date(NOW - 2), format_http_date(NOW - 1)
STRONG, WEAK, OTHER = ("ETag", '"a"'), ("ETag", 'W/"a"'), ("ETag", '"b"')
MODIFIED, DATE = ("Last-Modified", EARLIER), ("Date", SENT)


def stored(fields: Pairs) -> Stored:
    return Stored(
        number=1,
        status=200,
        reason="OK",
        fields=fields,
        selecting=(),
        size=10,
        held=(),
        received_at=NOW,
        age=0.0,
        lifetime=1.0,
        stale_while_revalidate=0.0,
        stale_if_error=None,
        validate_always=False,
        never_stale=False,
        tags=(),
        sequence=0,
    )


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("bytes 0-0/1", ContentRange(0, 1, 1)),
        ("bytes 3-8/10", ContentRange(3, 9, 10)),
        ("bytes 3-9/*", ContentRange(3, 10, None)),
        (" bytes 3-9/10\t", ContentRange(3, 10, 10)),
        ("bytes 003-09/0010", ContentRange(3, 10, 10)),
        (None, None),
        ("", None),
        ("bytes */10", None),
        ("bytes 4-3/10", None),
        ("bytes 3-10/10", None),
        ("bytes 3-9/0", None),
        ("bytes 3-/10", None),
        ("bytes -9/10", None),
        ("bytes 3-9", None),
        ("bytes=3-9/10", None),
        ("bytes  3-9/10", None),
        ("bytes 3 - 9/10", None),
        ("bytes +3-9/10", None),
        ("bytes \u0663-9/10", None),
        ("seconds 3-9/10", None),
        ("bytes 3-9/10, bytes 3-9/10", None),
        ("bytes 0-" + "9" * 19 + "/*", None),
        ("bytes 3-9/10\n", None),
    ],
)
def test_rfc9110_14_4_a_content_range_is_read_or_it_is_none(
    field: str | None, told: ContentRange | None
) -> None:
    assert read_content_range(field) == told


@given(st.integers(0, 10**17), st.integers(1, 10**17), st.integers(0, 10**17))
def test_rfc9110_14_4_every_valid_content_range_is_read(start: int, length: int, rest: int) -> None:
    size = start + length + rest
    field = f"bytes {start}-{start + length - 1}/{size}"

    assert read_content_range(field) == ContentRange(start, start + length, size)


@pytest.mark.parametrize(
    ("fields", "validator"),
    [
        ((STRONG,), '"a"'),
        ((STRONG, MODIFIED, DATE), '"a"'),
        ((WEAK,), None),
        ((WEAK, MODIFIED, DATE), None),
        ((("ETag", "broken"),), None),
        ((("ETag", "broken"), MODIFIED, DATE), None),
        ((STRONG, OTHER), None),
        ((MODIFIED, DATE), EARLIER),
        ((("Last-Modified", SENT), DATE), None),
        ((("Last-Modified", format_http_date(NOW)), DATE), None),
        ((MODIFIED,), None),
        ((DATE,), None),
        ((("Last-Modified", "yesterday"), DATE), None),
        ((MODIFIED, ("Date", "today")), None),
        ((), None),
    ],
)
def test_rfc9110_8_8_a_validator_is_strong_when_it_names_bytes(
    fields: Pairs, validator: str | None
) -> None:
    assert strong_validator(stored(fields)) == validator


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ((STRONG,), (STRONG,), True),
        ((STRONG,), (OTHER,), False),
        ((STRONG,), (WEAK,), False),
        ((WEAK,), (WEAK,), False),
        ((), (), False),
        ((MODIFIED, DATE), (MODIFIED, DATE), True),
        ((MODIFIED, DATE), (MODIFIED, ("Date", format_http_date(NOW))), True),
        ((MODIFIED, DATE), (("Last-Modified", format_http_date(NOW - 3)), DATE), False),
        ((MODIFIED, DATE), (MODIFIED, ("Date", EARLIER)), False),
        ((STRONG, MODIFIED, DATE), (MODIFIED, DATE), False),
        ((STRONG, MODIFIED, DATE), (OTHER, MODIFIED, DATE), False),
    ],
)
def test_rfc9111_3_4_parts_are_combined_when_they_share_a_strong_validator(
    left: Pairs, right: Pairs, same: bool
) -> None:
    assert same_representation(stored(left), stored(right)) is same
    assert same_representation(stored(right), stored(left)) is same
