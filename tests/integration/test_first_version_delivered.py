"""The first version of a video and the later one, as viewers get them.

Ingest, control plane, origin and edge are all real.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import m3u8
import pytest
from aiohttp import web

from tests.integration.control_service import TOKENS, control_plane
from tests.integration.edge_service import serving, until
from tests.integration.fleet_service import Fleet, running_fleet
from tests.integration.ingest_service import FINAL, FIRST_AT_ONCE, Service, running
from tests.integration.versions_service import Operator, origin_of, with_origin
from tests.servers.processes import free_ports


@contextlib.contextmanager
def ingest(folder: Path, control: str, **encoding: Any) -> Iterator[Service]:
    settings = {"preset": "ultrafast", "threads": 1, "hevc_preset": "superfast", **encoding}
    peer = {"url": control, "token": TOKENS["ingest"]}
    with running(Service(folder, None, control=peer, plan=FIRST_AT_ONCE, encoding=settings)) as one:
        yield one


@contextlib.asynccontextmanager
async def ingesting(folder: Path, control: str, **encoding: Any) -> AsyncIterator[Service]:
    """Ingest, started and ended beside the event loop."""
    context = ingest(folder, control, **encoding)
    one = await asyncio.to_thread(context.__enter__)
    try:
        yield one
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


class Player:
    """Reads a version as players do: from its multivariant playlist on."""

    def __init__(self, fleet: Fleet, entry: str) -> None:
        self._fleet = fleet
        self.entry = entry

    async def read(self, path: str) -> bytes:
        got = await self._fleet.viewer.get(path)
        assert got.status == 200, (path, got.status)
        return got.body

    async def segments(self) -> list[str]:
        """The paths of all segments of all renditions."""
        listed: set[str] = set()
        top = m3u8.loads((await self.read(self.entry)).decode())
        for name in [*(one.uri for one in top.playlists), *(one.uri for one in top.media)]:
            place = urljoin(self.entry, name)
            media = m3u8.loads((await self.read(place)).decode())
            uris = [*media.segments, *media.segment_map]
            listed |= {urljoin(place, one.uri) for one in uris}
        assert listed
        return sorted(listed)

    async def digests(self, paths: list[str]) -> list[str]:
        return [hashlib.sha256(await self.read(path)).hexdigest() for path in paths]


async def play(fleet: Fleet, asset: str) -> Player:
    """A player that the control plane has sent to the edge."""
    status, _, fields = await fleet.operator.talk.call("GET", f"/play/{asset}")
    assert status == 302
    return Player(fleet, urlsplit(fields["Location"]).path)


async def until_job(service: Service, job_id: str, what: str) -> dict[str, Any]:
    """The job, as soon as it is ``playable`` or ``final``."""
    async with asyncio.timeout(90):
        while True:
            job = dict(await asyncio.to_thread(service.job, job_id))
            if job["playable"] if what == "playable" else job["state"] in FINAL:
                return job
            await asyncio.sleep(0.05)


async def test_viewers_of_the_first_version_go_on_when_the_later_one_is_current(
    tmp_path: Path, early_clip: bytes
) -> None:
    async with running_fleet(tmp_path) as fleet, ingesting(tmp_path, fleet.control_url) as one:
        job = (await asyncio.to_thread(one.upload, early_clip)).json
        job_id, asset = job["job_id"], job["asset_id"]
        job = await until_job(one, job_id, "playable")
        assert job["state"] == "encoding"
        early = await play(fleet, asset)
        segments = await early.segments()
        first = PurePosixPath(early.entry).parts[3]
        assert first == await fleet.operator.current(asset) != job["version"]
        # The objects are where the later version is.
        assert all(f"/{job['version']}/" in path for path in segments)
        before = await early.digests(segments[:3])

        assert (await until_job(one, job_id, "final"))["state"] == "done"
        assert await fleet.operator.current(asset) == job["version"]
        assert await early.segments() == segments
        after = await early.digests(segments)
        assert after[:3] == before
        late = await play(fleet, asset)
        assert set(segments) < set(await late.segments())
        await fleet.until_held(2, asset)

        assert await fleet.operator.roll_back(first, asset) == 200
        again = await play(fleet, asset)
        assert (again.entry, await again.digests(segments)) == (early.entry, after)

        # Without the first version the later one is whole, as it has the objects.
        _, removal = await fleet.operator.remove(first, asset)
        assert (removal["versions"], removal["current"]) == ([first], job["version"])
        await fleet.operator.until_done(removal["removal_id"])
        assert (await fleet.viewer.get(early.entry)).status in {404, 410}
        now = await play(fleet, asset)
        assert now.entry == late.entry
        assert await now.digests(segments) == after
        assert len(await now.digests(await now.segments())) > len(segments)

        _, removal = await fleet.operator.remove(job["version"], asset)
        await fleet.operator.until_done(removal["removal_id"])
        assert await fleet.operator.current(asset) is None
        assert {(await fleet.viewer.get(path)).status for path in segments} <= {404, 410}
        assert await fleet.store.keys(asset) == set()


async def test_nothing_of_a_cancelled_job_is_left_on_edges(
    tmp_path: Path, early_clip: bytes
) -> None:
    slow = {"hevc_preset": "veryslow"}
    async with (
        running_fleet(tmp_path) as fleet,
        ingesting(tmp_path, fleet.control_url, **slow) as one,
    ):
        job = (await asyncio.to_thread(one.upload, early_clip)).json
        await until_job(one, job["job_id"], "playable")
        early = await play(fleet, job["asset_id"])
        paths = [early.entry, *await early.segments()]
        await early.digests(paths)
        cancel = f"/v1/jobs/{job['job_id']}/cancel"
        assert (await asyncio.to_thread(one.ask, "POST", cancel, b"")).status == 200
        assert (await until_job(one, job["job_id"], "final"))["state"] == "cancelled"

        _, removals, _ = await fleet.operator.talk.call("GET", "/v1/removals", "operator")
        assert len(removals) == 2
        for removal in removals:
            await fleet.operator.until_done(removal["removal_id"])
        assert await fleet.operator.current(job["asset_id"]) is None
        assert {(await fleet.viewer.get(path)).status for path in paths} <= {404, 410}


class Postman:
    """Stands before a control plane and hands everything on at once, but announcements when told.

    Whoever sends one and goes away meanwhile has sent it all the same.
    """

    def __init__(self, control: str) -> None:
        self._control = control
        self.held = asyncio.Event()
        self.deliver = asyncio.Event()
        self.answers: list[int] = []

    async def carry(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        announces = (request.method, request.path) == ("POST", "/v1/packages")
        if announces:
            self.held.set()
            await self.deliver.wait()
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        async with (
            aiohttp.ClientSession(self._control) as session,
            session.request(request.method, request.path, data=body, headers=headers) as answer,
        ):
            if announces:
                self.answers.append(answer.status)
            return web.Response(status=answer.status, body=await answer.read())


@pytest.mark.parametrize("killed", [False, True])
async def test_a_first_version_that_is_announced_after_its_job_was_cancelled_is_refused(
    tmp_path: Path, early_clip: bytes, killed: bool
) -> None:
    """``killed`` says whether the worker dies while it announces."""
    async with origin_of(tmp_path) as origin, origin.running():
        settings = with_origin(tmp_path, origin)
        control = f"http://127.0.0.1:{settings.listen.port}"
        postman, (port,) = Postman(control), free_ports(1)
        async with contextlib.AsyncExitStack() as stack:
            talk = await stack.enter_async_context(control_plane(settings))
            await talk.beat("eu-1")
            await stack.enter_async_context(serving(postman.carry, port))
            one = await stack.enter_async_context(
                ingesting(tmp_path, f"http://127.0.0.1:{port}", hevc_preset="veryslow")
            )
            job = (await asyncio.to_thread(one.upload, early_clip)).json
            async with asyncio.timeout(60):
                await postman.held.wait()
            if killed:
                await asyncio.to_thread(one.kill)
                await asyncio.to_thread(one.start)
            cancel = f"/v1/jobs/{job['job_id']}/cancel"
            assert (await asyncio.to_thread(one.ask, "POST", cancel, b"")).status == 200
            ended = await until_job(one, job["job_id"], "final")
            assert (ended["state"], ended["playable"]) == ("cancelled", False)

            postman.deliver.set()
            await until(lambda: bool(postman.answers))
            assert set(postman.answers) == {410}
            assert await Operator(talk).current(job["asset_id"]) is None
            # What its versions had goes once the refusal was answered.
            await asyncio.to_thread(one.until, lambda: one.leftovers() == [], "nothing is left")
