"""What players tell of their networks is heard alike, whichever lane their requests take."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.messages import NetworkSeen
from edge.limit_settings import LimitSettings
from edge.policy.words import MOST_OF_CLIENT, Words
from edge.serve.counters import Counters
from edge.serve.protocol import ViewerServer
from tests.integration.edge_service import (
    Control,
    Origin,
    edge,
    edge_settings,
    placed,
    publish,
    scripted,
)

MISSING = 200
OBJECTS = {
    "main.m3u8": b"#EXTM3U\n",
    "small.m4s": b"small" * 400,
    "large.m4s": bytes(300_000),
    **{f"miss-{number}.m4s": b"missing" for number in range(MISSING)},
}


@asynccontextmanager
async def lanes(folder: Path, **changes: Any) -> AsyncIterator[list[tuple[int, Words]]]:
    """The ports of an edge with an express lane and of one without, and what each heard."""
    heard: list[Words] = []
    server, counters = ViewerServer.__init__, Counters.__init__

    def counted(self: Counters, *arguments: Any) -> None:
        counters(self, *arguments)
        heard.append(self.words)

    def without_lane(self: ViewerServer, *arguments: Any, **named: Any) -> None:
        server(self, *arguments, **{**named, "express": None})

    async with AsyncExitStack() as stack:
        origin = await stack.enter_async_context(scripted(Origin))
        publish(origin, "1", OBJECTS)
        # None of their own heartbeats takes what they heard meanwhile. Had they nobody to tell,
        # they would wait for random times, which hypothesis does not suffer.
        control = await stack.enter_async_context(scripted(Control))
        changes = {"heartbeat_interval": 60, **placed(control), **changes}
        given = [
            edge_settings(folder / lane, origin.url, **changes) for lane in ("with", "without")
        ]
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(Counters, "__init__", counted)
        await stack.enter_async_context(edge(given[0]))
        patch.setattr(ViewerServer, "__init__", without_lane)
        await stack.enter_async_context(edge(given[1]))
        ports = [each.listen.port for each in given]
        for port, words in zip(ports, heard, strict=True):
            for name in ("small", "large", "small", "large"):
                await ask(port, "127.0.0.1", [request(f"/v/a/1/{name}.m4s")])
            assert words.take() == ()
        yield list(zip(ports, heard, strict=True))


def request(target: str, *fields: str, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: cdn.test", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def ask(port: int, client: str, pieces: list[bytes]) -> bytes:
    """All that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(client, 0))
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        writer.write(request("/v/a/1/small.m4s", "Connection: close"))
        async with asyncio.timeout(20):
            return await reader.read(-1)
    finally:
        writer.close()


TARGETS = st.sampled_from(["small", "small", "large", "miss", "nothing"])
QUERIES = st.sampled_from(
    [
        "",
        "?token=x",
        "?CMCD=bl%3D21300%2Cmtp%3D25400%2Csid%3D%22x%22",
        "?CMCD=mtp%3D100%2Cbs",
        "?token=x&CMCD=mtp=900,bl=100",
        "?CMCD=bl%3D0%2Csu&x",
        "?CMCD=%00%ff,mtp=-5,bl=1e9",
        "?CMCD=",
        "?cmcd=mtp%3D1",
        "?#CMCD=mtp%3D1",
        "??CMCD=mtp%3D7",
    ]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            "CMCD-Request: bl=100,mtp=3000",
            "cmcd-request: bl=4000,mtp=70",
            "cMcD-Status: bs",
            'CMCD-Session: sid="a,b"',
            "CMCD-Request: mtp=1,  bl=5",
            "CMCD-Object: mtp=5\x7f",
            "X-CMCD-Request: mtp=1",
            "Range: bytes=0-9",
            "Range: bytes=99999999-",
            "If-None-Match: *",
            "Via: 1.1 nearcast-eu-2",
            "Via: 1.1 somebody",
            "Cache-Control: max-age=5",
            "Connection: keep-alive",
        ]
    ),
    max_size=3,
    unique_by=lambda line: line.partition(":")[0].lower(),
)
CLIENTS = st.sampled_from(["127.0.1.1", "127.0.1.2", "127.0.2.1"])
ASKED = st.lists(
    st.tuples(CLIENTS, TARGETS, QUERIES, FIELDS, st.sampled_from(["GET", "GET", "GET", "HEAD"])),
    min_size=1,
    max_size=MOST_OF_CLIENT,
)


LIMITED = {"limits": LimitSettings(requests_per_second=100_000, request_burst=100_000)}


@pytest.mark.parametrize("changes", [{}, LIMITED], ids=["free", "limited"])
async def test_both_lanes_hear_alike(tmp_path: Path, changes: dict[str, Any]) -> None:
    numbers, words_heard = itertools.count(), 0
    async with lanes(tmp_path, **changes) as both:
        loop = asyncio.get_running_loop()

        async def compare(asked: list[tuple[str, str, str, list[str], str]]) -> None:
            nonlocal words_heard
            told: list[list[NetworkSeen]] = []
            spare = next(numbers) % MISSING
            for port, words in both:
                for client, name, query, fields, method in asked:
                    file = f"miss-{spare}" if name == "miss" else name
                    await ask(
                        port,
                        client,
                        [request(f"/v/a/1/{file}.m4s{query}", *fields, method=method)],
                    )
                told.append(sorted(words.take(), key=lambda seen: seen.network))
            assert told[0] == told[1], asked
            words_heard += sum(seen.words for seen in told[0])

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(ASKED)
        def alike(asked: list[tuple[str, str, str, list[str], str]]) -> None:
            asyncio.run_coroutine_threadsafe(compare(asked), loop).result(60)

        await asyncio.to_thread(alike)
    assert words_heard > 10
