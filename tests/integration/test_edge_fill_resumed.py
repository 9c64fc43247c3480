"""What was on its way when a source or the edge was killed is gone on with, and is right."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from common.messages import Neighbour, Neighbours, PurgeScope
from tests.integration.edge_service import Control, Origin, publish, scripted, serving, until
from tests.integration.region_service import names_by_rank
from tests.integration.test_edge_filling import EdgeProcess, whole
from tests.servers.processes import free_ports

SEGMENT = "/v/a/1/x.m4s"
BODY = os.urandom(900_000)
PACKAGE = {"main.m3u8": b"#EXTM3U\n", "x.m4s": BODY}
PART = 600_000


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


class Broken:
    """An origin's answers for the segment: it dies after a part, and later has only the rest."""

    def __init__(self, origin: Origin) -> None:
        self.ranges: list[str | None] = []
        self.dies = True
        self.body = origin.objects[SEGMENT]
        self._fields = origin.fields(self.body)
        origin.scripts[SEGMENT] = self.answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        body = self.body
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        fields = {**self._fields, "Content-Length": str(len(body) - start)}
        if asked:
            fields["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        response = web.StreamResponse(status=206 if asked else 200, headers=fields)
        await response.prepare(request)
        if self.dies:
            await response.write(body[start:PART])
            await asyncio.sleep(0.05)
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(body[start:])
        return response


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_part_survives_the_death_of_its_source_and_of_the_edge(
    tmp_path: Path, origin: Origin, control: Control, workers: int
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    broken = Broken(origin)
    process = EdgeProcess(tmp_path, origin, control, workers=workers)
    with process.running() as running:
        # What it asks for in its second round shows what it has kept of the first.
        await until(lambda: broken.ranges.count(f"bytes={PART}-") >= 5, within=30)
        os.kill(running.pid, signal.SIGKILL)
        await asyncio.to_thread(running.wait)
    broken.ranges.clear()
    broken.dies, control.holdings = False, None

    with process.running():
        await until(lambda: whole(control), within=20)

    assert broken.ranges == [f"bytes={PART}-"]


async def test_a_part_that_turns_out_wrong_is_fetched_whole(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    broken = Broken(origin)
    # It says that it has the right object, and sends another one's beginning.
    broken.body = b"x" * len(BODY)
    process = EdgeProcess(tmp_path, origin, control)
    with process.running():
        await until(lambda: broken.ranges.count(f"bytes={PART}-") >= 1, within=30)
        broken.body, broken.dies = BODY, False
        await until(lambda: whole(control), within=20)

    assert broken.ranges[-1] is None


async def test_all_processes_of_an_edge_fill_from_its_neighbours(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    names = [
        name for name in ("us-1", "us-2", "us-3") if names_by_rank("a", (name, "eu-1"))[0] == name
    ]
    objects = {f"{number}.m4s": bytes([number]) * 1000 for number in range(12)}
    package = publish(origin, "1", objects)
    asked: list[str] = []

    async def holds(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = origin.objects[request.path]
        return web.Response(body=body, headers=origin.fields(body))

    (port,) = free_ports(1)
    process = EdgeProcess(tmp_path, origin, control, workers=2)
    async with serving(holds, port):
        control.neighbours = Neighbours(1, (Neighbour(names[0], f"http://127.0.0.1:{port}"),))
        with process.running():
            await until(lambda: bool(control.asked) and control.asked[-1]["neighbours"] == 1)
            # The other process looks for what the first was told.
            await asyncio.sleep(1)
            control.want(package)
            await until(lambda: whole(control), within=20)

    assert len(asked) == len(objects) + 1
    assert origin.asked == []


async def test_what_is_purged_is_filled_again(
    tmp_path: Path, origin: Origin, control: Control
) -> None:
    control.want(publish(origin, "1", PACKAGE))
    process = EdgeProcess(tmp_path, origin, control)
    with process.running():
        await until(lambda: whole(control), within=20)
        asked = len(origin.asked)
        control.purge("v/a/1/", PurgeScope.PREFIX)
        await until(lambda: len(origin.asked) == 2 * asked, within=20)
        await until(lambda: whole(control), within=20)
