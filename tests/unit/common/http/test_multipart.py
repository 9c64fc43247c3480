"""RFC 9110 §14.6: several ranges as one content, read back by a parser of mail."""

from email import message_from_bytes
from email.message import Message

from hypothesis import given
from hypothesis import strategies as st

from common.http import ByteRange, Multipart
from common.http.multipart import derive_boundary

BODY = bytes(range(256)) * 4
PARTS = Multipart((ByteRange(500, 1000), ByteRange(0, 100)), len(BODY), "video/mp4", "limit")


def sent(multipart: Multipart, body: bytes) -> bytes:
    return b"".join(
        piece if isinstance(piece, bytes) else body[piece.start : piece.stop]
        for piece in multipart.pieces()
    )


def read(multipart: Multipart, body: bytes) -> list[Message]:
    head = f"Content-Type: {multipart.content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + sent(multipart, body))
    assert not message.defects
    parts = message.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def test_each_part_tells_its_type_and_range() -> None:
    found = [(part["Content-Type"], part["Content-Range"]) for part in read(PARTS, BODY)]
    assert found == [("video/mp4", "bytes 500-999/1024"), ("video/mp4", "bytes 0-99/1024")]


def test_parts_of_unknown_type_tell_none() -> None:
    parts = Multipart((ByteRange(0, 1), ByteRange(500, 501)), len(BODY), "", "limit")
    assert [part["Content-Type"] for part in read(parts, BODY)] == [None, None]


def test_the_content_is_as_the_grammar_has_it() -> None:
    parts = Multipart((ByteRange(0, 2), ByteRange(3, 4)), 5, "text/plain", "limit")
    assert sent(parts, b"abcde") == (
        b"--limit\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/5\r\n\r\nab"
        b"\r\n--limit\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-3/5\r\n\r\nd"
        b"\r\n--limit--\r\n"
    )


def test_a_boundary_is_as_long_as_it_may_be() -> None:
    boundary = derive_boundary("a", 1)
    assert boundary.isalnum()
    assert len(boundary) <= 70


def test_the_same_facts_give_the_same_boundary() -> None:
    assert derive_boundary("a", 1) == derive_boundary("a", 1)


def test_other_facts_give_another_boundary() -> None:
    assert derive_boundary("a", 1) != derive_boundary("a", 2)


@st.composite
def multiparts(draw: st.DrawFn) -> tuple[Multipart, bytes]:
    body = draw(st.binary(min_size=1, max_size=300))
    starts = st.integers(0, len(body) - 1)
    ranges = st.builds(
        lambda start, length: ByteRange(start, min(start + length, len(body))),
        starts,
        st.integers(1, 300),
    )
    found = tuple(draw(st.lists(ranges, min_size=1, max_size=8)))
    return Multipart(found, len(body), "video/mp4", derive_boundary(body)), body


@given(multiparts())
def test_what_is_sent_is_read_back(case: tuple[Multipart, bytes]) -> None:
    multipart, body = case
    found = [part.get_payload(decode=True) for part in read(multipart, body)]
    assert found == [body[part.start : part.stop] for part in multipart.ranges]


@given(multiparts())
def test_the_length_told_is_the_length_sent(case: tuple[Multipart, bytes]) -> None:
    multipart, body = case
    assert multipart.length == len(sent(multipart, body))


@given(st.text(), st.integers(0, 2**63))
def test_any_type_has_a_length(part_type: str, size: int) -> None:
    multipart = Multipart((ByteRange(0, size),), size, part_type, "limit")
    heads = sum(len(piece) for piece in multipart.pieces() if isinstance(piece, bytes))
    assert multipart.length == heads + size
