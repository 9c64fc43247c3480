"""Probes of a real edge, and of servers that lie, stall and never end."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from common.clock import SystemClock
from common.messages import HeldPackage, PackageAnnouncement
from common.service import PeerSettings, TokenKeySettings, new_client_session
from control_plane.probing import (
    LARGEST,
    SPOT_CHECK_EVERY,
    Fault,
    Prober,
    ProbeSettings,
    Subject,
)
from tests.integration.edge_service import (
    OPERATOR,
    TOKEN,
    Control,
    Origin,
    Script,
    admin_port,
    edge,
    edge_settings,
    publish,
    scripted,
    serving,
    until,
)
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement

PACKAGE = {"main.m3u8": b"#EXTM3U\n", "0.m4s": b"0" * 5000, "1.m4s": b"1" * 5000}
SECRET = "a secret of more than thirty-two characters"
MANIFEST = "/v/a/1/manifest.json"
FAST: dict[str, Any] = {"every": 0.1, "timeout": 0.5}


@dataclass
class Probing:
    """A prober, what it is told and what it tells."""

    subjects: dict[str, Subject] = field(default_factory=dict)
    announced: dict[tuple[str, str], PackageAnnouncement] = field(default_factory=dict)
    caught: list[tuple[str, Fault]] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    prober: Prober | None = None
    signing: TokenKeySettings | None = None

    def know(self, origin: Origin, asset: str = "a") -> None:
        """Knows the package of version 1 that ``origin`` has."""
        manifest = origin.objects[f"/v/{asset}/1/manifest.json"]
        digest = hashlib.sha256(manifest).hexdigest()
        self.announced[asset, "1"] = announcement(asset, manifest_sha256=digest)

    def probe(self, url: str, edge_id: str = "eu-1", asset: str = "a") -> None:
        """Probes an edge that says it holds version 1 of an asset."""
        held = (HeldPackage(asset, "1", 3, 3, 1000, 1000),)
        self.subjects[edge_id] = Subject(edge_id, url, held)

    def failures(self, edge_id: str = "eu-1") -> int:
        return self.found(edge_id).failures if edge_id in self.running.found else 0

    def found(self, edge_id: str = "eu-1") -> Any:
        return self.running.found[edge_id]

    @property
    def running(self) -> Prober:
        assert self.prober is not None
        return self.prober

    @contextlib.asynccontextmanager
    async def run(self, **changes: Any) -> AsyncIterator[None]:
        session = await new_client_session(None)
        self.prober = Prober(
            session,
            SystemClock(),
            ProbeSettings(**{**FAST, **changes}),
            signing=lambda: self.signing,
            subjects=lambda: list(self.subjects.values()),
            announced=lambda asset, version: self.announced.get((asset, version)),
            noted=lambda edge_id, _: self.noted.append(edge_id),
            caught=lambda edge_id, fault: self.caught.append((edge_id, fault)),
        )
        running = asyncio.create_task(self.prober.run())
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await session.close()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    async with scripted(Origin) as made:
        yield made


@contextlib.asynccontextmanager
async def filled_edge(folder: Path, origin: Origin, **changes: Any) -> AsyncIterator[Any]:
    """An edge that holds a package; its settings."""
    (port,) = free_ports(1)
    control = Control(port=port)
    async with serving(control.answer, port):
        control.want(publish(origin, "1", PACKAGE))
        peer = PeerSettings(url=control.url, token=TOKEN)
        settings = edge_settings(folder, origin.url, control=peer, **changes)
        async with edge(settings):
            await until(
                lambda: (
                    control.holdings is not None
                    and any(package.complete for package in control.holdings.packages)
                )
            )
            origin.asked.clear()
            yield settings


@contextlib.asynccontextmanager
async def server(script: Script) -> AsyncIterator[str]:
    """What passes for an edge and answers with ``script``; its URL."""
    (port,) = free_ports(1)
    async with serving(script, port):
        yield f"http://127.0.0.1:{port}"


class Liar:
    """Answers with what an origin has, but for what a test changes; notes what was asked."""

    def __init__(self, origin: Origin) -> None:
        self._objects = origin.objects
        self.instead: dict[str, bytes | int] = {}
        self.asked: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        found = self.instead.get(request.path, self._objects.get(request.path, 504))
        return web.Response(status=found) if isinstance(found, int) else web.Response(body=found)


@pytest.fixture
def probing(origin: Origin) -> Probing:
    """Knows a package that ``origin`` has."""
    publish(origin, "1", PACKAGE)
    made = Probing()
    made.know(origin)
    return made


@pytest.fixture
def liar(origin: Origin) -> Liar:
    return Liar(origin)


async def test_an_edge_that_holds_what_it_says_is_found_well_and_asks_nobody(
    tmp_path: Path, origin: Origin
) -> None:
    probing = Probing()
    async with filled_edge(tmp_path, origin) as settings, probing.run():
        probing.know(origin)
        probing.probe(settings.url + "/")
        seen: set[float] = set()

        def probed() -> bool:
            if "eu-1" in probing.running.found:
                seen.add(probing.found().at)
            return len(seen) > 2 * SPOT_CHECK_EVERY

        await until(probed, within=30)
        found = probing.found()

    assert (found.failures, found.refused, found.wrong) == (0, False, False)
    assert found.reached_at == found.at <= SystemClock.monotonic()
    assert (probing.caught, origin.asked) == ([], [])


async def test_what_a_soft_purge_made_stale_is_held_all_the_same(
    tmp_path: Path, origin: Origin
) -> None:
    probing = Probing()
    async with filled_edge(tmp_path, origin) as settings:
        url = f"http://127.0.0.1:{admin_port(settings)}/v1/purge"
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {OPERATOR}"}) as session,
            session.post(url, json={"everything": True, "soft": True}) as response,
        ):
            assert response.status == 200
        async with probing.run():
            probing.know(origin)
            probing.probe(settings.url)
            await until(lambda: "eu-1" in probing.running.found)

    assert (probing.found().failures, probing.caught, origin.asked) == (0, [], [])


async def test_an_edge_that_does_not_hold_what_it_says_is_caught(
    tmp_path: Path, origin: Origin
) -> None:
    probing = Probing()
    async with filled_edge(tmp_path, origin) as settings, probing.run():
        publish(origin, "1", PACKAGE, asset="b")
        probing.know(origin, "b")
        probing.probe(settings.url, asset="b")
        await until(lambda: len(probing.caught) > 0)

    assert set(probing.caught) == {("eu-1", Fault.MISSING)}
    assert probing.found().failures == 0
    assert origin.asked == []


async def test_an_edge_that_tells_meanwhile_that_it_has_let_go_is_not_caught(
    origin: Origin,
) -> None:
    probing = Probing()
    for asset in ("a", "b"):
        publish(origin, "1", PACKAGE, asset=asset)
        probing.know(origin, asset)
    liar = Liar(origin)
    liar.instead[MANIFEST] = 504

    async def tells(request: web.Request) -> web.Response:
        answer = await liar.answer(request)
        if answer.status == 504:
            probing.probe(probing.subjects["eu-1"].url, asset="b")
        return answer

    async with server(tells) as url, probing.run():
        probing.probe(url)
        await until(lambda: len(liar.asked) > 5)

    assert [request.path for request in liar.asked].count(MANIFEST) == 1
    assert probing.caught == []


async def test_edges_behind_path_tokens_are_asked_with_one(tmp_path: Path, origin: Origin) -> None:
    signed, with_key, without = Probing(), Probing(), Probing()
    key, other = (TokenKeySettings(key_id=name, secret=SECRET) for name in ("k", "other"))
    signed.signing, with_key.signing = key, other
    async with (
        filled_edge(tmp_path, origin, token_keys=(key,)) as settings,
        signed.run(),
        with_key.run(key=key),
        without.run(),
    ):
        for probing in (signed, with_key, without):
            probing.know(origin)
            probing.probe(settings.url)
        found = (signed.running.found, with_key.running.found)
        await until(lambda: all("eu-1" in one for one in found) and without.failures() > 1)

    assert signed.found().failures == with_key.found().failures == 0
    assert without.found().reached_at == without.found().at
    assert with_key.caught == without.caught == []


async def test_wrong_bytes_are_caught_and_asked_for_until_they_are_right(
    probing: Probing, liar: Liar
) -> None:
    liar.instead[MANIFEST] = b"something else"
    async with server(liar.answer) as url, probing.run():
        probing.probe(url)
        await until(lambda: len(probing.caught) > 1)
        assert probing.found().wrong
        assert probing.found().failures == 0
        liar.instead.clear()
        await until(lambda: not probing.found().wrong)

    assert set(probing.caught) == {("eu-1", Fault.WRONG)}


def tells_nothing(probing: Probing, edge_id: str) -> None:
    """Goes on as if an edge held nothing, as is done with one that was caught."""
    probing.subjects[edge_id] = replace(probing.subjects[edge_id], held=())


async def test_wrong_bytes_are_remembered_of_an_edge_that_is_not_believed(
    probing: Probing, liar: Liar
) -> None:
    liar.instead[MANIFEST] = b"something else"
    async with server(liar.answer) as url, probing.run():
        probing.probe(url)
        await until(lambda: len(probing.caught) > 0)
        tells_nothing(probing, "eu-1")
        caught = len(probing.caught)
        await until(lambda: len(probing.caught) > caught + 1)
        assert probing.found().wrong
        liar.instead[MANIFEST] = 504
        await until(lambda: not probing.found().wrong)


async def test_what_is_missing_is_remembered_until_the_edge_tells_again_what_it_holds(
    origin: Origin,
) -> None:
    probing = Probing()
    for asset in ("a", "b"):
        publish(origin, "1", PACKAGE, asset=asset)
        probing.know(origin, asset)
    liar = Liar(origin)
    liar.instead[MANIFEST] = 504
    async with server(liar.answer) as url, probing.run():
        probing.probe(url)
        await until(lambda: len(probing.caught) > 0)
        tells_nothing(probing, "eu-1")
        asked = len(liar.asked)
        await asyncio.sleep(0.3)
        assert len(liar.asked) <= asked + 1
        held = tuple(HeldPackage(asset, "1", 3, 3, 1000, 1000) for asset in ("a", "b", "b", "b"))
        probing.subjects["eu-1"] = Subject("eu-1", url, held)
        await until(lambda: len(liar.asked) > asked + 1)

    assert {each.path for each in liar.asked} == {MANIFEST}


async def test_now_and_then_an_object_is_asked_for_over_a_connection_that_ends(
    probing: Probing, liar: Liar
) -> None:
    liar.instead |= dict.fromkeys((f"/v/a/1/{name}" for name in PACKAGE), b"something else")
    async with server(liar.answer) as url, probing.run():
        probing.probe(url)
        await until(lambda: len(probing.caught) > 2, within=30)

    manifests, objects = (
        [each for each in liar.asked if (each.path == MANIFEST) is wanted]
        for wanted in (True, False)
    )
    assert len(manifests) == SPOT_CHECK_EVERY
    assert len({each.path for each in objects}) == 1
    assert {each.headers.get("Connection") for each in objects} == {"close"}
    assert {each.headers["Cache-Control"] for each in liar.asked} == {"only-if-cached, max-stale"}
    assert not any("Authorization" in each.headers for each in liar.asked)
    assert probing.found().wrong


async def test_an_edge_that_fails_was_reached_but_fails(probing: Probing, liar: Liar) -> None:
    liar.instead[MANIFEST] = 503
    async with server(liar.answer) as url, probing.run():
        probing.probe(url)
        await until(lambda: probing.failures() > 2)
        assert probing.found().reached_at == probing.found().at
        liar.instead.clear()
        await until(lambda: probing.failures() == 0)

    assert probing.caught == []


async def test_a_machine_on_which_nobody_listens_refuses(probing: Probing) -> None:
    (port,) = free_ports(1)
    async with probing.run():
        probing.probe(f"http://127.0.0.1:{port}")
        await until(lambda: probing.failures() > 1)

    assert probing.found().refused
    assert probing.found().reached_at == float("-inf")


@pytest.mark.parametrize(
    "url", ["http://", "http://host:99999", "http://[::1", "https://127.0.0.1:1"]
)
async def test_an_edge_whose_url_is_worth_nothing_is_not_reached(
    url: str, probing: Probing
) -> None:
    async with probing.run():
        probing.probe(url)
        await until(lambda: probing.failures() > 0)

    assert probing.found().reached_at == float("-inf")


async def test_one_edge_that_stalls_keeps_no_other_from_being_asked(
    probing: Probing, liar: Liar
) -> None:

    async def stalls(_: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async with server(stalls) as stalling, server(liar.answer) as url, probing.run(at_once=1):
        probing.probe(stalling, "eu-1")
        probing.probe(url, "eu-2")
        await until(lambda: probing.failures("eu-1") > 0 and len(liar.asked) > 1)

    assert not probing.found("eu-1").refused
    assert probing.found("eu-2").failures == 0


async def test_an_answer_without_end_is_not_read_on(probing: Probing) -> None:
    sent: list[int] = []

    async def endless(request: web.Request) -> web.StreamResponse:
        sent.append(0)
        number = len(sent) - 1
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * 65_536)
                sent[number] += 65_536
        return response

    async with server(endless) as url, probing.run(timeout=20.0):
        probing.probe(url)
        await until(lambda: len(probing.caught) > 0, within=20)

    assert probing.caught[0] == ("eu-1", Fault.WRONG)
    assert LARGEST < sent[0] < 4 * LARGEST


async def test_no_more_edges_are_asked_at_once_than_are_allowed(
    probing: Probing, liar: Liar
) -> None:
    now, most = 0, 0

    async def counted(request: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1
        return await liar.answer(request)

    async with server(counted) as url, probing.run(at_once=3):
        for number in range(20):
            probing.probe(url, f"eu-{number}")
        await until(lambda: len(probing.running.found) == 20)

    assert most == 3


async def test_an_edge_that_is_none_any_more_is_forgotten_and_one_that_holds_nothing_not_asked(
    probing: Probing, liar: Liar
) -> None:
    async with server(liar.answer) as url, probing.run():
        probing.subjects["eu-2"] = Subject("eu-2", url, ())
        probing.probe(url)
        await until(lambda: len(liar.asked) > 3)
        assert set(probing.running.found) == set(probing.noted) == {"eu-1"}
        del probing.subjects["eu-1"]
        await until(lambda: not probing.running.found)
