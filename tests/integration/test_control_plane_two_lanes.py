"""What a viewer gets does not depend on the lane that its request for ``/play`` takes.

The same bytes go to a control plane twice: once its express lane may look at them, and once it may
not. What comes back is compared byte by byte, but for the second that it is.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from common.messages import Profile
from common.service.token_keys import TokenKeySettings
from control_plane.api.express import ExpressLane
from control_plane.api.floods import PlaySettings
from control_plane.minting import TokenSettings
from tests.integration.control_service import CLIENTS, Talk, control_plane, control_settings

pytestmark = pytest.mark.usefixtures("geoip")

KEYS = (TokenKeySettings(key_id="k1", secret="s" * 32),)
FREE = PlaySettings(rate=0)
Answer = bytes | None


class Lanes:
    """A control plane, whose express lane can be closed."""

    def __init__(self, port: int, talk: Talk, patch: pytest.MonkeyPatch) -> None:
        self.port = port
        self.talk = talk
        self.open = True
        self.taken = 0
        """Requests that the express lane answered."""
        answer = ExpressLane.answer

        def watched(lane: ExpressLane, data: bytes, peer: str) -> Answer:
            got = answer(lane, data, peer) if self.open else None
            self.taken += got is not None
            return got

        patch.setattr(ExpressLane, "answer", watched)

    async def both(self, pieces: list[bytes]) -> tuple[bytes, bytes]:
        """What comes back for ``pieces``, the last of which ends the connection, in each lane."""
        self.open = True
        one = await self._told(pieces)
        self.open = False
        return one, await self._told(pieces)

    async def _told(self, pieces: list[bytes]) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        got = b""
        for number, piece in enumerate(pieces, start=1):
            writer.write(piece)
            if number < len(pieces) and piece.endswith(b"\r\n\r\n"):
                answer = await self._answer(reader)
                got += answer
                if answer.startswith(b"HTTP/1.0 ") or b"\r\nConnection: close" in answer:
                    # So aiohttp ends a connection over what is malformed.
                    break
        async with asyncio.timeout(10):
            got += await reader.read()
        writer.close()
        return re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: now", got)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: ([0-9]+)", head)
        return head + (await reader.readexactly(int(length[1])) if length else b"")


@asynccontextmanager
async def lanes(folder: Path, **changes: Any) -> AsyncIterator[Lanes]:
    """With assets of which one may be watched, one may not, and one is elsewhere."""
    settings = control_settings(folder, **{"play": FREE, **changes})
    async with control_plane(settings) as talk:
        for asset in ("film", "denied", "moved", "nowhere"):
            await talk.publish(asset, profiles=tuple(Profile))
        for edge in ("eu-1", "us-1"):
            await talk.beat(edge)
            await talk.hold(edge, ("film", "1"), ("denied", "1"), ("moved", "1"))
        for asset, policy in (
            ("denied", {"blocked_countries": ["DE"]}),
            ("moved", {"bypass_url": "https://other.example.org/{path}"}),
        ):
            put = await talk.call("PUT", f"/v1/policies/assets/{asset}", "operator", json=policy)
            assert put[0] == 200
        with pytest.MonkeyPatch.context() as patch:
            yield Lanes(settings.listen.port, talk, patch)


def request(target: str = "/play/film", *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: cdn.test", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


LAST = request("/play/film", "Connection: close")
TARGETS = st.sampled_from(
    [
        *("/play/film",) * 6,
        "/play/film?CMCD=mtp%3D700",
        '/play/film?CMCD=sid%3D"x"',
        "/play/film?CMCD=sid%3D%22s-1%22%2Cmtp%3D25000",
        *("/play/film?session=s-1",) * 6,
        "/play/film?session=",
        "/play/film?profile=up-to-720p&profile=main",
        "/play/film?max_height=480&codecs=avc1.640028%2Cmp4a.40.2",
        "/play/film?profile=../../x&%00=%ff&a;b",
        "/play/film?",
        "/play/film??x",
        "/play/film?a#b",
        "/play/film#b",
        "/play/film.json",
        "/play/film/",
        "/play/f%69lm",
        "/play/../play/film",
        "//play/film",
        "/play/denied",
        "/play/moved",
        "/play/none",
        "/play/" + "x" * 64,
        "/play/" + "x" * 65,
        "/healthz",
    ]
)
LINES = st.sampled_from(
    [
        *(f"X-Forwarded-For: {client}" for client in CLIENTS.values()),
        "x-forwarded-for: 203.0.113.9, 127.0.0.2",
        "X-Forwarded-For: 2001:db8::1",
        "X-Forwarded-For: [2001:db8::1]:443",
        "X-Forwarded-For: unknown",
        "X-Forwarded-For:",
        "X-Forwarded-For: 999.1.1.1 ",
        "User-Agent: Sonos/70.3",
        "user-agent:  spaced  out \t",
        "User-Agent: " + "(" * 600,
        "Accept: */*",
        "Accept-Encoding: gzip",
        "Downlink: 0.9",
        "ECT: slow-2g",
        "RTT: 1e9",
        "Save-Data: on",
        "Save-Data:",
        "Sec-CH-UA-Mobile: ?1",
        "CMCD-Request: mtp=700,su",
        'cmcd-session: sid="s-2"',
        "CMCD-Session: " + "a=1," * 200 + 'sid="s-3"',
        "Cookie: a=b; c=d",
        "Origin: https://player.example.org",
        "Range: bytes=0-",
        "If-None-Match: *",
        "Connection: keep-alive",
        "Connection: Keep-Alive, x-odd",
        "Authorization: Bearer none",
        "X-Odd: yes",
        "Content-Length: 0",
        "Empty:",
    ]
)
REQUESTS = st.builds(
    lambda target, fields, method: request(target, *fields, method=method),
    TARGETS,
    st.lists(LINES, max_size=4),
    st.sampled_from([*["GET"] * 9, "OPTIONS"]),
)
CUTS = st.lists(st.integers(0, 200), max_size=2)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    return [data[start:stop] for start, stop in itertools.pairwise(bounds)]


@pytest.mark.parametrize("bind", [None, "session"])
async def test_both_lanes_give_the_same_bytes_for_any_requests(
    tmp_path: Path, bind: str | None
) -> None:
    tokens = TokenSettings(keys=KEYS, bind="session") if bind else None
    async with lanes(tmp_path, tokens=tokens) as each:
        loop = asyncio.get_running_loop()

        async def compare(requests: list[bytes], places: list[int]) -> None:
            one, other = await each.both([*requests, *cut(LAST, places)])
            assert one == other

        @hypothesis.settings(max_examples=80, suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(st.lists(REQUESTS, max_size=4), CUTS)
        def check(requests: list[bytes], places: list[int]) -> None:
            asyncio.run_coroutine_threadsafe(compare(requests, places), loop).result(20)

        await compare([request("/play/film?session=s-1", "Accept: */*")] * 4, [])
        assert each.taken == 4
        await asyncio.to_thread(check)


MALFORMED = (
    *("Bad Name: x", "No colon", "Host: other.test", " folded", "Nul: \x00", "Host : x"),
    *("User-Agent: \xe9", "Content-Length: 5, 6", "Transfer-Encoding: chunked, x", "Expect: x"),
    *("User-Agent: a\r\nUser-Agent: b", "X-Forwarded-For: 192.0.2.1\nX: y", "Accept: a\rb"),
)


async def test_what_is_not_plain_gets_the_answer_of_the_other_lane(tmp_path: Path) -> None:
    async with lanes(tmp_path) as each:
        for line in MALFORMED:
            one, other = await each.both([request("/play/film", line), LAST])
            assert one == other, line
            assert one.startswith(b"HTTP/1.")
        for pieces in ([LAST], [request(method="HEAD"), LAST], [request() + LAST]):
            before = each.taken
            one, other = await each.both([pieces[-1]])
            assert one == other
            assert each.taken == before


async def test_a_request_in_the_content_of_another_is_none(tmp_path: Path) -> None:
    async with lanes(tmp_path) as each:
        inner = request("/play/film")
        outer = request("/v1/packages", f"Content-Length: {len(inner)}", method="POST")
        reader, writer = await asyncio.open_connection("127.0.0.1", each.port)
        writer.write(outer)
        async with asyncio.timeout(10):
            got = await reader.readuntil(b"\r\n\r\n")
            writer.write(inner)
            writer.write(LAST)
            got += await reader.read()
        writer.close()

    assert got.startswith(b"HTTP/1.1 401")
    assert got.count(b"HTTP/1.1 302 Found") == 1
    assert each.taken == 0


async def test_what_is_answered_on_the_express_lane_counts_as_on_the_other(
    tmp_path: Path,
) -> None:
    async def counted(talk: Talk) -> bytes:
        _, text, _ = await talk.call("GET", "/metrics")
        found = re.search(r'nearcast_routes_total\{result="redirected"\} ([0-9.]+)', text)
        assert found is not None
        return found[1].encode()

    settings = PlaySettings(rate=1, burst=5)
    async with lanes(tmp_path, play=settings) as each:
        got, other = await each.both([request()] * 7 + [LAST])
        assert got.count(b" 302 Found") == 5
        assert got.count(b" 429 Too Many Requests") == 3
        assert other.count(b" 429 Too Many Requests") == 8
        assert each.taken == 5
        assert await counted(each.talk) == b"5.0"


async def test_a_control_plane_ends_though_connections_are_idle(tmp_path: Path) -> None:
    async with lanes(tmp_path) as each:
        reader, writer = await asyncio.open_connection("127.0.0.1", each.port)
        writer.write(request())
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 302 Found")
        assert each.taken == 1
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
