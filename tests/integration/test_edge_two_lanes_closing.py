"""The last request of a connection (RFC 9112 §9.6) has the same answer in both lanes."""

import random
from pathlib import Path
from typing import Any

import pytest

from edge.serve.express import Express
from tests.integration.proxy_service import RawOrigin, response
from tests.integration.test_edge_two_lanes import FRESH, OBJECTS, TAG, lanes, request, told


@pytest.mark.parametrize("target", ["/small", "/large", "/film", "/none", "/missing-yet"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_last_answer_of_a_connection_says_so_and_nothing_follows_it(
    origin: RawOrigin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    method: str,
) -> None:
    film = response(random.Random(1).randbytes(5_500_000), FRESH, TAG)
    monkeypatch.setitem(OBJECTS, "/film", film)
    last = request(target, "Connection: close", method=method)
    taken: list[bool] = []
    answer = Express.answer

    def counted(self: Express, *arguments: Any) -> bool:
        taken.append(answer(self, *arguments))
        return taken[-1]

    async with lanes(tmp_path, origin, memory=64 * 1024 * 1024) as (express, plain):
        monkeypatch.setattr(Express, "answer", counted)
        got = await told(express, [request("/small") + last], last=None)
        assert got == await told(plain, [request("/small") + last], last=None)
    assert taken.count(True) == (2 if target in {"/small", "/large", "/film"} else 1)
    assert got.count(b"HTTP/1.1 ") == 2
    assert got.count(b"\r\nConnection: close\r\n") == 1
    assert not got.endswith(b"<held>")


@pytest.mark.parametrize("target", ["/small", "/large"])
async def test_what_follows_the_last_request_of_a_connection_is_not_answered(
    origin: RawOrigin, tmp_path: Path, target: str
) -> None:
    """RFC 9112 §9.6; aiohttp's parser refuses such bytes, and all requests that came with them."""
    last = request(target, "Connection: close")
    async with lanes(tmp_path, origin) as (express, _):
        got = await told(express, [last], last=None)
        assert await told(express, [last + request("/small") * 3], last=None) == got
    assert got.count(b"HTTP/1.1 ") == 1
