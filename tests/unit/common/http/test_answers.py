"""RFC 9110 §13.2.2, §14.2 and §15: the answer to GET and HEAD of what is at hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http import (
    Answer,
    ByteRange,
    EntityTag,
    Representation,
    answer,
    format_http_date,
)

CHANGED = 1_700_000_000.0
NOW = CHANGED + 100
DATE = format_http_date(CHANGED)
THERE = Representation(1000, "video/mp4", EntityTag("a"), CHANGED)


def answered(method: str = "GET", /, **fields: str) -> Answer:
    lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return answer(method, lines, THERE, now=NOW)


def several(field: str, method: str = "GET") -> Answer:
    return answer(method, [("Range", field)], THERE, now=NOW, several=True)


def tagged(value: str) -> Representation:
    return Representation(1000, "video/mp4", EntityTag(value))


def test_a_plain_get_is_the_whole() -> None:
    found = answered()
    assert (found.status, found.body) == (200, ByteRange(0, 1000))
    assert dict(found.fields) == {
        "Content-Type": "video/mp4",
        "Content-Length": "1000",
        "Accept-Ranges": "bytes",
        "ETag": '"a"',
        "Last-Modified": DATE,
    }


def test_head_tells_what_get_tells_without_content() -> None:
    assert answered("HEAD") == Answer(200, answered().fields, None)


def test_a_range_is_partial_content() -> None:
    found = answered(range="bytes=10-19")
    assert (found.status, found.body) == (206, ByteRange(10, 20))
    assert dict(found.fields)["Content-Range"] == "bytes 10-19/1000"
    assert dict(found.fields)["Content-Length"] == "10"


def test_partial_content_carries_the_validators() -> None:
    fields = dict(answered(range="bytes=10-19").fields)
    assert (fields["ETag"], fields["Last-Modified"]) == ('"a"', DATE)


def test_head_ignores_range() -> None:
    assert answered("HEAD", range="bytes=10-19") == answered("HEAD")


def test_a_range_after_the_end_is_not_satisfiable() -> None:
    assert answered(range="bytes=1000-") == Answer(416, (("Content-Range", "bytes */1000"),), None)


def test_not_modified_has_validators_and_no_length() -> None:
    found = answered(if_none_match='"a"')
    assert (found.status, found.body) == (304, None)
    assert dict(found.fields) == {"ETag": '"a"', "Last-Modified": DATE}


def test_not_modified_goes_before_range() -> None:
    assert answered(if_none_match='"a"', range="bytes=1000-").status == 304


def test_a_failed_precondition_is_412_without_content() -> None:
    assert answered(if_match='"b"', range="bytes=0-1") == Answer(412, (), None)


def test_if_range_of_the_same_lets_range_hold() -> None:
    assert answered(if_range='"a"', range="bytes=0-1").status == 206


def test_if_range_of_another_gets_the_whole() -> None:
    assert answered(if_range='"b"', range="bytes=0-1").status == 200


def test_if_range_of_another_hides_an_unsatisfiable_range() -> None:
    assert answered(if_range='"b"', range="bytes=1000-").status == 200


def test_if_range_without_range_is_ignored() -> None:
    assert answered(if_range='"a"').status == 200


def test_two_range_lines_are_ignored() -> None:
    lines = [("Range", "bytes=0-1"), ("Range", "bytes=2-3")]
    assert answer("GET", lines, THERE, now=NOW).status == 200


def test_several_ranges_are_a_multipart_where_it_can_be_sent() -> None:
    found = several("bytes=0-99,500-599")
    parts = found.multipart
    assert parts is not None
    assert (found.status, found.body) == (206, None)
    assert parts.ranges == (ByteRange(0, 100), ByteRange(500, 600))
    assert dict(found.fields) == {
        "Content-Type": f"multipart/byteranges; boundary={parts.boundary}",
        "Content-Length": str(parts.length),
        "Accept-Ranges": "bytes",
        "ETag": '"a"',
        "Last-Modified": DATE,
    }


def test_parts_tell_the_type_and_size_of_the_representation() -> None:
    parts = several("bytes=0-99,500-599").multipart
    assert parts is not None
    assert (parts.part_type, parts.size) == ("video/mp4", 1000)


def test_where_no_multipart_can_be_sent_several_ranges_are_the_whole() -> None:
    assert answered(range="bytes=0-99,500-599") == answered()


@pytest.mark.parametrize("field", ["bytes=0-9", "bytes=0-9,5000-", "bytes=0-4,5-9", "bytes=0-9,"])
def test_what_comes_down_to_one_range_is_no_multipart(field: str) -> None:
    assert several(field) == answered(range="bytes=0-9")


def test_several_ranges_after_the_end_are_not_satisfiable() -> None:
    assert several("bytes=1000-,2000-").status == 416


def test_head_ignores_several_ranges() -> None:
    assert several("bytes=0-99,500-599", "HEAD") == answered("HEAD")


def test_if_range_of_another_gets_the_whole_instead_of_parts() -> None:
    lines = [("If-Range", '"b"'), ("Range", "bytes=0-99,500-599")]
    assert answer("GET", lines, THERE, now=NOW, several=True) == answered()


def test_other_validators_give_another_boundary() -> None:
    lines = [("Range", "bytes=0-99,500-599")]
    boundaries = {
        parts.boundary
        for tag in ("a", "b")
        if (parts := answer("GET", lines, tagged(tag), now=NOW, several=True).multipart)
    }
    assert len(boundaries) == 2


def test_unknown_validators_are_not_told() -> None:
    found = answer("GET", [], Representation(1, "text/plain"), now=NOW)
    assert {name for name, _ in found.fields} == {"Content-Type", "Content-Length", "Accept-Ranges"}


CONDITIONALS = st.sampled_from(
    ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"]
)
VALUES = st.sampled_from(['"a"', 'W/"a"', '"b"', "*", DATE, "bytes=0-1", "bytes=-1", "bytes=9999-"])
VALUES |= st.lists(st.integers(0, 2000), max_size=5).map(
    lambda firsts: "bytes=" + ",".join(f"{first}-{first + 9}" for first in firsts)
)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@given(
    lines=st.lists(st.tuples(CONDITIONALS, VALUES | st.text(max_size=20)), max_size=6),
    size=st.integers(0, 2000),
    several=st.booleans(),
)
def test_any_answer_is_consistent(
    method: str, lines: list[tuple[str, str]], size: int, several: bool
) -> None:
    there = Representation(size, "video/mp4", EntityTag("a"), CHANGED)
    found = answer(method, lines, there, now=NOW, several=several)
    parts = found.multipart
    fields = dict(found.fields)
    assert len(fields) == len(found.fields)
    assert found.status in {200, 206, 304, 412, 416}
    assert parts is None or (several and found.status == 206)
    assert ("Content-Range" in fields) == (parts is None and found.status in {206, 416})
    assert ("Content-Length" in fields) == (found.status in {200, 206})
    sends = method == "GET" and found.status in {200, 206}
    assert (found.body is not None) == (sends and parts is None)
    if parts is not None:
        assert fields["Content-Length"] == str(parts.length)
        assert len(parts.ranges) > 1
        assert all(0 <= part.start < part.stop <= size for part in parts.ranges)
    if found.body is not None:
        assert fields["Content-Length"] == str(found.body.length)
        assert 0 <= found.body.start <= found.body.stop <= size
    if found.status == 200:
        assert fields["Content-Length"] == str(size)
