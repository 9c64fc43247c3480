"""A control plane whose MongoDB hangs or was killed: what needs memory alone goes on, the rest is
told to come again, and health names what is away before the driver gives up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from common.messages import encode
from common.service import DatabaseSettings
from tests.integration.control_service import CLIENTS, Talk, control_plane, control_settings
from tests.servers.databases import mongodb
from tests.unit.control_plane.records import announcement

KEPT = {"catalog", "edges", "orders", "plan", "purges", "zones", "policies"}
"""What is in the database."""
ENDS = pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "killed"])

# The driver leaves a socket to the garbage collector when its client is closed while connecting.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@asynccontextmanager
async def alone(folder: Path, end: signal.Signals) -> AsyncIterator[Talk]:
    """A control plane that has known an asset and an edge, and whose MongoDB then got ``end``."""
    with mongodb(folder) as server:
        settings = control_settings(
            folder,
            database=DatabaseSettings(mongodb=server.url),
            geoip=(),
            heartbeat_timeout=600.0,
            dashboard_open=True,
        )
        async with control_plane(settings) as talk:
            await talk.publish()
            await talk.beat("eu-1")
            await talk.hold("eu-1", ("a", "1"))
            await talk.until_placed(1)
            os.kill(server.pid, end)
            try:
                yield talk
            finally:
                if end is signal.SIGSTOP:
                    os.kill(server.pid, signal.SIGCONT)


@pytest.fixture
async def patient(
    tmp_path: Path, end: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Talk]:
    """``alone``, with a driver that has no word of its own for a minute."""
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 60_000)
    async with alone(tmp_path, end) as talk:
        yield talk


async def away(talk: Talk) -> dict[str, str]:
    status, body, _ = await talk.call("GET", "/readyz")
    assert (status, body["status"]) == (200, "ready")
    return dict(body.get("away", {}))


@ENDS
async def test_health_names_what_is_away_and_memory_answers_meanwhile(
    patient: Talk,
) -> None:
    async with asyncio.timeout(30):
        while not (told := await away(patient)).keys() >= KEPT:
            await patient.beat("eu-1")
            await patient.hold("eu-1", ("a", "1"))
            for path in (
                "/v1/edges",
                "/v1/assets",
                "/v1/assets/a",
                "/v1/feed",
                "/v1/regions",
                "/metrics",
            ):
                assert (await patient.call("GET", path, "operator"))[0] == 200
            assert (await patient.call("GET", "/v1/assets/a/versions", "operator"))[0] == 200
            assert [edge["edge_id"] for edge in await patient.route(CLIENTS["eu"])] == ["eu-1"]
            assert (await patient.orders("eu-1"))["desired"]["packages"]
            await asyncio.sleep(0.05)
        for name in KEPT:
            assert told[name].startswith("The database has not answered for ")


@ENDS
async def test_edges_that_know_more_are_told_nothing_older_and_wait_for_nobody(
    patient: Talk,
) -> None:
    async with asyncio.timeout(30):
        asked = [patient.orders("eu-1", desired=1000, purges=1000) for _ in range(100)]
        answers = await asyncio.gather(*asked)

        assert all(answer["desired"] is answer["purges"] is None for answer in answers)


@ENDS
async def test_the_page_is_shown_without_the_lists_that_are_in_the_database(
    patient: Talk,
) -> None:
    async with asyncio.timeout(30):
        status, page, _ = await patient.call("GET", "/")

    assert status == 200
    assert "eu-1" in page


@ENDS
async def test_what_needs_the_database_is_told_to_come_again(
    tmp_path: Path, end: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 1000)
    standing = {"standing": "draining"}
    removed = {"edge_id": "eu-1", "removal_ids": ["r"]}
    async with alone(tmp_path, end) as talk, asyncio.timeout(30):
        answers = await asyncio.gather(
            talk.call("POST", "/v1/packages", "ingest", data=encode(announcement("b"))),
            talk.call("DELETE", "/v1/packages/b/1", "ingest"),
            talk.call("POST", "/v1/assets/a/rollback", "operator", json={"version": "1"}),
            talk.call("PUT", "/v1/edges/eu-1/standing", "operator", json=standing),
            talk.call("PUT", "/v1/zones", "operator", json={"zones": []}),
            talk.call("PUT", "/v1/policies/default", "operator", json={}),
            talk.call("PUT", "/v1/edges/eu-1/removals", "eu-1", json=removed),
            talk.call("GET", "/v1/removals", "operator"),
            talk.call("GET", "/v1/removals/r", "operator"),
            talk.call("GET", "/v1/purges", "operator"),
            talk.call("GET", "/v1/purges/p", "operator"),
            *(
                talk.call("POST", "/v1/purges?wait=60", "operator", json={"asset_id": "a"})
                for _ in range(10)
            ),
        )

    for status, problem, fields in answers:
        assert status == 503
        assert problem["detail"].startswith("MongoDB is not reachable: ")
        assert int(fields["Retry-After"]) > 0


async def test_what_was_away_is_named_no_more_once_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.mongodb.ANSWER_WITHIN", 3000)
    with mongodb(tmp_path) as server:
        database = DatabaseSettings(mongodb=server.url)
        settings = control_settings(tmp_path, database=database, geoip=())
        async with control_plane(settings) as talk, asyncio.timeout(50):
            os.kill(server.pid, signal.SIGSTOP)
            try:
                while not (await away(talk)).keys() >= KEPT:
                    await asyncio.sleep(0.05)
                    await talk.beat("eu-1")
            finally:
                os.kill(server.pid, signal.SIGCONT)
            while await away(talk):
                await asyncio.sleep(0.05)
                await talk.beat("eu-1")
            await talk.publish()
