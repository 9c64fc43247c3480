"""What a viewer gets for what is missing does not depend on the lane that its request takes."""

import asyncio
import base64
import hashlib
import itertools
import re
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from edge.fetch.begun import Begun
from tests.integration.proxy_service import Asked, RawOrigin, response
from tests.integration.test_edge_two_lanes import (
    CUTS,
    FRESH,
    LARGE,
    LINES,
    MODIFIED,
    TAG,
    cut,
    lanes,
    objects,
    request,
    told,
)

NO_STORE = ("Cache-Control", "no-store")
MISSING = {
    "fresh": response(b"fresh" * 300, FRESH, TAG, MODIFIED, ("Content-Type", "video/mp4")),
    "old": response(b"old", FRESH, ("Age", "7")),
    "empty": response(b"", FRESH),
    "undated": b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nhi",
    "nameless": b"HTTP/1.1 200 \r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nhi",
    "ranges": response(b"ranges", FRESH, ("Accept-Ranges", "none")),
    "large": response(LARGE, FRESH, TAG),
    "varied": response(b"varied", FRESH, ("Vary", "Accept-Encoding")),
    "any": response(b"any", FRESH, ("Vary", "*")),
    "no-store": response(b"no-store", NO_STORE, ("Set-Cookie", "a=b")),
    "private": response(b"private", ("Cache-Control", "private, max-age=60")),
    "some": response(b"some", ("Cache-Control", 'max-age=60, no-cache="X-One"'), ("X-One", "1")),
    "no-cache": response(b"no-cache", ("Cache-Control", "no-cache"), TAG),
    "guessed": response(b"guessed", MODIFIED),
    "useless": response(b"useless"),
    "gone": response(b"gone", FRESH, status="404 Not Found"),
    "not-found": response(b"not found", status="404 Not Found"),
    "moved": response(b"", FRESH, ("Location", "/x"), status="301 Moved Permanently"),
    "broken": response(b"broken", status="500 Internal Server Error"),
    "busy": response(b"busy", FRESH, status="503 Busy"),
    "nothing": response(b"", FRESH, status="204 No Content"),
    "unasked": response(b"", TAG, status="304 Not Modified"),
    "hinted": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(b"hinted", FRESH),
    "chunked": response(b"3\r\nabc\r\n0\r\n\r\n", FRESH, ("Transfer-Encoding", "chunked")),
    "closing": response(b"closing", FRESH, ("Connection", "close")),
    "named": response(b"named", FRESH, ("Connection", "X-Hop"), ("X-Hop", "1")),
    "folded": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nhi",
    "twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
    "nonsense": b"HTTP/1.1 OK\r\n\r\n",
}
KINDS = st.sampled_from(["fresh", "fresh", "each", "each", *MISSING])


def each(target: str) -> bytes:
    """A response that differs from the others in all that may be its own."""
    body = target.encode() * (len(target) % 3)
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return response(
        body,
        ("X-One", "100%s %d"),
        FRESH,
        ("ETag", f'"{target}%s"'),
        ("last-modified", f"Mon, 01 Jan 2024 00:00:{len(target) % 60:02d} GMT"),
        ("Repr-Digest", f"sha-256=:{digest}:"),
        ("X-Two", "two"),
    )


def blurred(answers: bytes) -> bytes:
    """``answers`` without what tells whether they were stored when they were asked for: whether
    the first of two is when the second comes is chance."""
    told = re.sub(rb"\r\nAge: [^\r]*", b"", answers)
    return re.sub(rb"; (?:hit|fwd)[^\r]*", b"; either", told)


async def test_both_lanes_give_the_same_bytes_for_what_is_missing(
    origin: RawOrigin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(asked: Asked, writer: asyncio.StreamWriter) -> None:
        kind = asked.target.split("/")[2] if asked.target.startswith("/missing/") else ""
        if kind == "each" and asked.method == "GET":
            writer.write(each(asked.target))
        elif kind in MISSING and asked.method == "GET":
            writer.write(MISSING[kind])
        else:
            await objects(asked, writer)

    taken: list[str] = []
    take = Begun.take

    def noting(self: Begun) -> Any:
        found = take(self)
        if found is not None:
            taken.append(self.key.split("/")[-2])
        return found

    monkeypatch.setattr(Begun, "take", noting)
    numbers = itertools.count()
    async with lanes(tmp_path, origin) as (express, plain):
        origin.script = missing
        loop = asyncio.get_running_loop()

        async def compare(wanted: list[tuple[str, list[str], int]], places: list[int]) -> None:
            whole = b"".join(
                request(f"/missing/{kind}/{next(numbers)}", *fields) * times
                for kind, fields, times in wanted
            )
            once = all(times == 1 for _, _, times in wanted)
            one, other = await asyncio.gather(
                told(express, cut(whole, places), fwd=once),
                told(plain, cut(whole, places), fwd=once),
            )
            if once:
                assert one == other
            else:
                assert blurred(one) == blurred(other)

        requests = st.tuples(KINDS, st.lists(LINES, max_size=1), st.integers(1, 2))

        @hypothesis.settings(
            max_examples=150, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(st.lists(requests, min_size=1, max_size=4), CUTS)
        def check(wanted: list[tuple[str, list[str], int]], places: list[int]) -> None:
            asyncio.run_coroutine_threadsafe(compare(wanted, places), loop).result(20)

        for kind in ("each", *MISSING):
            # Some leave no connection to spare.
            await compare([("fresh", [], 1)], [])
            await compare([(kind, [], 1)], [])
            await compare([(kind, [], 2)], [])
        await asyncio.to_thread(check)
    assert len(taken) > 50, "hardly any was answered as it came"
    assert {"each", "fresh", "empty", "gone"} <= set(taken)
