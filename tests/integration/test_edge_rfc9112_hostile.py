"""Requests that two readers may read differently: an edge reads them in no way at all.

Each shape comes twice, as aiohttp reads known methods and other methods with different parsers.
"""

import re

import pytest

from tests.integration.proxy_service import RawOrigin, Viewer, response

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: cdn.test\r\n\r\n"
"""Follows each hostile request; whoever ends that one elsewhere than others do answers it."""
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

both_parsers = pytest.mark.parametrize("method", [b"POST", b"BREW"])


def post(method: bytes, fields: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return method + b" /x " + version + b"\r\nHost: cdn.test\r\n" + fields + b"\r\n" + body


def statuses(data: bytes) -> list[int]:
    """The statuses of all responses in ``data``."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", data)]


async def assert_refused(viewer: Viewer, origin: RawOrigin, request: bytes) -> None:
    """One refusal comes, then the connection ends; the origin hears of nothing."""
    got = statuses(await viewer.raw(request + SMUGGLED))

    assert len(got) == 1
    assert got[0] in {400, 501}
    assert origin.asked == []


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(b"Content-Length: 5\r\n" + CHUNKED, id="length-first"),
        pytest.param(CHUNKED + b"Content-Length: 5\r\n", id="coding-first"),
        pytest.param(b"Content-Length: 0\r\n" + CHUNKED, id="no-length"),
    ],
)
async def test_rfc9112_6_1_a_request_with_both_lengths_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, fields, CHUNKS))


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 0_5\r\n",
        b"Content-Length: 5 0\r\n",
        b"Content-Length: 5.0\r\n",
        b"Content-Length: five\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: 99999999999999999999999999\r\n",
    ],
)
async def test_rfc9112_6_3_a_content_length_that_is_no_single_number_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, fields, b"hello"))


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        CHUNKED + CHUNKED,
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b'Transfer-Encoding: "chunked"\r\n',
        b"Transfer-Encoding: chunked;q=1\r\n",
    ],
)
async def test_rfc9112_6_1_a_transfer_coding_other_than_chunked_alone_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, fields, CHUNKS))


@both_parsers
async def test_rfc9112_6_1_a_transfer_coding_in_http_1_0_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, CHUNKED, CHUNKS, b"HTTP/1.0"))


@both_parsers
@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b" /x HTTP/1.1\r\nHost: cdn.test\r\nX: 1\nY: 2\r\n\r\n", id="field"),
        pytest.param(b" /x HTTP/1.1\nHost: cdn.test\r\n\r\n", id="request-line"),
        pytest.param(b" /x HTTP/1.1\nHost: cdn.test\n\n", id="all"),
        pytest.param(b" /x HTTP/1.1\r\nHost: cdn.test\r\nX: 1\r\n\n", id="end"),
    ],
)
async def test_rfc9112_2_2_a_bare_lf_ends_no_line(
    viewer: Viewer, origin: RawOrigin, method: bytes, request_head: bytes
) -> None:
    await assert_refused(viewer, origin, method + request_head)


@both_parsers
@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b" /x HTTP/1.1\r\nHost: cdn.test\r\nX: 1\rY: 2\r\n\r\n", id="field"),
        pytest.param(b" /x HTTP/1.1\rHost: cdn.test\r\n\r\n", id="request-line"),
    ],
)
async def test_rfc9112_2_2_a_bare_cr_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, request_head: bytes
) -> None:
    await assert_refused(viewer, origin, method + request_head)


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        b"X: 1\r\n 2\r\n",
        b"X: 1\r\n\t2\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Content-Length: 1\r\n 0\r\n",
    ],
)
async def test_rfc9112_5_2_a_folded_line_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, fields, CHUNKS))


@both_parsers
async def test_rfc9112_2_2_whitespace_before_the_first_field_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes
) -> None:
    head = b" /x HTTP/1.1\r\n X: 1\r\nHost: cdn.test\r\n\r\n"
    await assert_refused(viewer, origin, method + head)


@both_parsers
@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length : 5\r\n",
        b"Content-Length\t: 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"X Y: 5\r\n",
        b"XY\r\n",
        b": 5\r\n",
        b"X(Y): 5\r\n",
        b"X\x00Y: 5\r\n",
        b"X\xffY: 5\r\n",
    ],
)
async def test_rfc9112_5_1_a_field_name_that_is_no_token_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, fields: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, fields, b"hello"))


@both_parsers
@pytest.mark.parametrize("octet", [b"\x00", b"\x01", b"\x08", b"\x0b", b"\x1f", b"\x7f"])
async def test_rfc9110_5_5_a_control_byte_in_a_field_is_refused(
    viewer: Viewer, origin: RawOrigin, method: bytes, octet: bytes
) -> None:
    await assert_refused(viewer, origin, post(method, b"X: a" + octet + b"b\r\n"))


@both_parsers
@pytest.mark.parametrize(
    "size",
    [b"0x5", b"+5", b"-5", b"0_5", b" 5", b"5 ", b"5;a\n", b"", b"\xb2", b"5\n"],
)
async def test_rfc9112_7_1_a_chunk_size_that_is_not_hexadecimal_never_ends_a_request(
    viewer: Viewer, origin: RawOrigin, method: bytes, size: bytes
) -> None:
    body = size + b"\r\nhello\r\n0\r\n\r\n"

    got = statuses(await viewer.raw(post(method, CHUNKED, body) + SMUGGLED))

    assert got in ([400], [])
    assert "/smuggled" not in [asked.target for asked in origin.asked]


@both_parsers
@pytest.mark.parametrize("data", [b"hell", b"helloX", b"hello0", b"hello\n", b"hello\r"])
async def test_rfc9112_7_1_a_chunk_that_is_not_as_long_as_it_says_never_ends_a_request(
    viewer: Viewer, origin: RawOrigin, method: bytes, data: bytes
) -> None:
    body = b"5\r\n" + data + b"\r\n0\r\n\r\n"

    got = statuses(await viewer.raw(post(method, CHUNKED, body) + SMUGGLED))

    assert got in ([400], [])
    assert "/smuggled" not in [asked.target for asked in origin.asked]


async def test_rfc9112_7_1_a_chunk_size_that_overflows_is_refused(
    viewer: Viewer, origin: RawOrigin
) -> None:
    body = b"10000000000000005\r\nhello\r\n0\r\n\r\n"

    await assert_refused(viewer, origin, post(b"POST", CHUNKED, body))


@both_parsers
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(CHUNKS, id="plain"),
        pytest.param(b"2\r\nhe\r\n03\r\nllo\r\n000\r\n\r\n", id="leading-zeros"),
        pytest.param(b'5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n', id="extensions"),
        pytest.param(b"5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n", id="trailers"),
    ],
)
async def test_rfc9112_7_1_chunks_with_extensions_and_trailers_bring_their_bytes_and_end_there(
    viewer: Viewer, origin: RawOrigin, method: bytes, body: bytes
) -> None:
    origin.answers(response(b"done"))

    last = SMUGGLED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    got = statuses(await viewer.raw(post(method, CHUNKED, body) + last))

    assert got == [200, 200]
    assert [(asked.target, asked.body) for asked in origin.asked] == [
        ("/x", b"hello"),
        ("/smuggled", b""),
    ]


async def test_rfc9110_6_5_1_trailers_of_a_request_never_become_fields(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = CHUNKED + b"Connection: close\r\n"
    body = b"5\r\nhello\r\n0\r\nAuthorization: Basic eDp5\r\n\r\n"

    await viewer.raw(post(b"POST", fields, body))

    assert origin.asked[0].get("authorization") is None


@pytest.mark.parametrize("coding", [b"Chunked", b"CHUNKED"])
async def test_rfc9112_7_the_name_of_a_coding_may_be_in_any_case(
    viewer: Viewer, origin: RawOrigin, coding: bytes
) -> None:
    fields = b"Transfer-Encoding: " + coding + b"\r\nConnection: close\r\n"

    await viewer.raw(post(b"POST", fields, CHUNKS))

    assert [asked.body for asked in origin.asked] == [b"hello"]
