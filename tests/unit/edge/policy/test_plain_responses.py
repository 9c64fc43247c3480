"""Responses that are recognised at a look are what h11 reads in them."""

import h11
import hypothesis
import pytest
from hypothesis import strategies as st

from common.http.fields import Pairs
from edge.policy.plain_responses import PlainResponse, read_plain_response

Read = tuple[int, str, Pairs, int, int]
"""Status, reason, fields, length and end."""

FIRST = st.sampled_from(
    [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 ",
        "HTTP/1.1 200",
        "HTTP/1.1 206 Partial Content",
        "HTTP/1.1 404 Not Found",
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 103 Early Hints",
        "HTTP/1.1 599 Caf\xe9",
        "HTTP/1.0 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 2000 OK",
        "ICY 200 OK",
    ]
)
LINES = st.sampled_from(
    [
        "Content-Length: 5",
        "Content-Length: 5",
        "content-length:5",
        "Content-Length: 05",
        "Content-Length: +5",
        "Content-Length: 5, 5",
        "Content-Length: 99999999999999999999",
        "Content-Length:",
        "Transfer-Encoding: chunked",
        "Connection: keep-alive",
        "Connection: close",
        "Connection: Content-Length",
        "Upgrade: h2c",
        "Content-Type: video/mp4",
        'ETag:   "x"\t ',
        'etag:"y"',
        "Date: Sun, 06 Nov 1994 08:49:37 GMT",
        "DATE:\tthe other day",
        "Last-Modified: 0",
        "Repr-Digest: sha-256=:x:",
        "Repr-Digest:",
        "X-Empty:",
        "X-High: \xe9",
        "X Y: 1",
        " folded",
        "X-Nul: \x00",
        "No colon",
        "Space : 1",
    ]
)


def as_read(found: PlainResponse) -> Read:
    return found.status, found.reason, found.fields, found.length, found.end


def as_h11_reads(data: bytes) -> tuple[Read, bytes]:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(data)
    head = reader.next_event()
    assert isinstance(head, h11.Response)
    content, end = b"", data.index(b"\r\n\r\n") + 4
    while isinstance(event := reader.next_event(), h11.Data):
        content += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    fields = tuple((name.decode(), value.decode()) for name, value in head.headers.raw_items())
    reason = bytes(head.reason).decode()
    return (head.status_code, reason, fields, len(content), end), content


@hypothesis.given(FIRST, st.lists(LINES, max_size=6), st.sampled_from([b"hello", b"hello!", b""]))
@hypothesis.example("HTTP/1.1 200 OK", ["Content-Length: 5"], b"hello")
def test_what_is_recognised_is_what_h11_reads(first: str, lines: list[str], rest: bytes) -> None:
    data = "\r\n".join([first, *lines, "", ""]).encode("latin-1") + rest
    found = read_plain_response(data)
    if found is None:
        return
    if len(rest) < found.length:
        data += b"hello"[len(rest) :]
    expected, content = as_h11_reads(data)
    assert as_read(found) == expected
    assert data[found.end : found.end + found.length] == content


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nconnection: Keep-Alive\r\ncontent-length:5 \r\n\r\n",
        "HTTP/1.1 500 \r\nContent-Length: 0\r\nX-Empty:\r\n\r\n",
    ],
)
def test_a_plain_response_is_recognised(head: str) -> None:
    assert read_plain_response(head.encode() + b"hello") is not None


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\n\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + "X: a\r\n" * 128 + "\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: " + "a" * 16384 + "\r\n\r\n",
    ],
)
def test_in_doubt_nothing_is_recognised(head: str) -> None:
    assert read_plain_response(head.encode() + b"hello") is None


def test_responses_that_differ_in_their_own_values_have_one_shape() -> None:
    head = "HTTP/1.1 200 OK\r\nX: 1\r\nDate: {}\r\nETag: {}\r\ncontent-length: {}\r\n\r\n"
    one = read_plain_response(head.format("today", '"one"', 3).encode())
    other = read_plain_response(head.format("tomorrow", 'W/"other"', 12).encode())
    assert one is not None
    assert other is not None
    assert one.shape is other.shape
    assert [one.own("date"), one.own("etag"), one.own("x")] == ["today", '"one"', None]
    assert other.fields[1:3] == (("Date", "tomorrow"), ("ETag", 'W/"other"'))
    assert (one.length, other.length) == (3, 12)


@pytest.mark.parametrize("other", ["X: 2", "x: 1", "X:1", "Y: 1", "X: 1\r\nX: 1", "ETag:"])
def test_responses_that_differ_in_more_have_shapes_of_their_own(other: str) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{}\r\n\r\n"
    one = read_plain_response(head.format("X: 1").encode())
    found = read_plain_response(head.format(other).encode())
    assert one is not None
    assert found is not None
    assert one.shape is not found.shape


@pytest.mark.parametrize(
    "lines", ["Date: a\r\nDate: b", "ETag: a\r\nETag:", "Last-Modified: a\r\nlast-modified:b"]
)
def test_what_should_be_told_once_and_is_told_twice_is_in_doubt(lines: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{lines}\r\n\r\n"
    assert read_plain_response(head.encode()) is None
