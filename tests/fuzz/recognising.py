"""Fuzzes the recogniser of plain requests: python -m tests.fuzz.recognising [--runs N].

What it recognises, aiohttp's own parser must take for the same single request without content.
"""

import asyncio

import atheris  # type: ignore[import-untyped]  # it publishes no types
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_parser import HttpRequestParser

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["edge.policy.recognising"]):
    from edge.policy.recognising import (
        may_become_plain,
        read_block,
        read_request_line,
        without_varying,
    )

LOOP = asyncio.new_event_loop()
EXAMPLES = (
    b"GET /v/a/1/seg.m4s?CMCD=bl%3D1 HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-9\r\n\r\n",
    b"HEAD / HTTP/1.1\r\nHost: a\r\nUser-Agent: x y\r\nCMCD-Request: bl=1\r\n\r\n",
    b'GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nIf-None-Match: "a"\r\n\r\n',
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
)


def check(data: bytes) -> None:
    """Compares the two readings of ``data``."""
    end = data.find(b"\r\n")
    line, block = read_request_line(data[:end]), read_block(data[end:])
    if end < 0 or line is None or block is None:
        return
    parser = HttpRequestParser(
        BaseProtocol(LOOP),
        LOOP,
        2**16,
        max_line_size=16384,
        max_field_size=16384,
        auto_decompress=False,
    )
    messages, upgraded, tail = parser.feed_data(data)
    assert len(messages) == 1
    assert not upgraded
    assert not tail
    message, payload = messages[0]
    assert (message.method, message.path, tuple(message.version)) == (*line, (1, 1))
    assert payload.is_eof()
    assert message.should_close == block.closes
    pairs = [(name.decode(), value.decode()) for name, value in message.raw_headers]
    assert tuple(pairs) == block.fields.pairs
    varying = without_varying(data[end:])
    if varying is not None and read_block(varying[0]) is not None:
        rest = read_block(varying[0])
        assert rest is not None
        assert rest.host == block.host
    for length in range(1, len(data), 7):
        part = data[:length]
        assert may_become_plain(part) or b"\r\n\r\n" in part, part


if __name__ == "__main__":
    fuzz(check, EXAMPLES)
