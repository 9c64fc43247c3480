"""Edges with credentials that are another's, or worth nothing any more, at a control plane."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from common.messages import encode
from common.service import CredentialSettings
from control_plane.probing import ProbeSettings
from tests.integration.control_service import CLIENTS, TOKENS, Talk, control_plane, control_settings
from tests.integration.edge_service import serving
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import heartbeat, holdings

BEAT = ("POST", "heartbeat", encode(heartbeat("eu-1")))
HOLDINGS = ("PUT", "holdings", encode(holdings("eu-1", ("a", "1"))))
ORDERS = ("GET", "orders?wait=0", b"")
MANIFEST = b"what edges are asked for"


def ended(credential: CredentialSettings) -> CredentialSettings:
    return msgspec.structs.replace(credential, expires_at=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    """A control plane at which the credential of eu-2 has expired."""
    settings = control_settings(tmp_path, geoip=())
    credentials = tuple(
        ended(each) if each.name == "eu-2" else each for each in settings.credentials
    )
    changed = msgspec.structs.replace(settings, credentials=credentials)
    async with control_plane(changed) as talk:
        await talk.beat("eu-1")
        yield talk


@pytest.mark.parametrize("asked", [BEAT, HOLDINGS, ORDERS], ids=lambda each: each[1])
@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("us-1", 403, "The credential 'us-1' may not do this"),
        ("eu-2", 401, "The credential 'eu-2' expired at 2020-01-01 00:00:00 UTC"),
        ("publisher", 403, "The credential 'publisher' may not do this"),
    ],
)
async def test_nobody_speaks_for_an_edge_with_a_credential_that_is_not_its_own(
    talk: Talk, asked: tuple[str, str, bytes], name: str, status: int, sentence: str
) -> None:
    method, what, body = asked
    before = await talk.call("GET", "/v1/edges", "operator")
    got, problem, _ = await talk.call(method, f"/v1/edges/eu-1/{what}", name, data=body)

    assert got == status
    assert sentence in problem["detail"]
    assert (await talk.call("GET", "/v1/edges", "operator"))[1] == before[1]


async def test_an_edge_tells_nothing_in_the_name_of_another(talk: Talk) -> None:
    path = "/v1/edges/us-1/heartbeat"
    status, problem, _ = await talk.call("POST", path, "us-1", data=encode(heartbeat("eu-1", 9)))

    assert status == 422
    assert "it was sent as 'us-1'" in problem["detail"]


async def test_a_second_edge_with_a_name_is_told_so(talk: Talk) -> None:
    other = heartbeat("eu-1", 1, started_at=500.0, url="https://elsewhere.example.org")
    status, problem, _ = await talk.call(
        "POST", "/v1/edges/eu-1/heartbeat", "eu-1", data=encode(other)
    )

    assert status == 409
    assert problem["type"] == "urn:nearcast:problem:edge-name-taken"
    assert "Another edge reports as eu-1, from https://eu-1.example.org" in problem["detail"]
    (edge,) = (await talk.call("GET", "/v1/edges", "operator"))[1]
    assert edge["url"] == "https://eu-1.example.org"


async def test_an_expired_credential_in_a_password_dialog_has_the_browser_ask_again(
    tmp_path: Path,
) -> None:
    settings = control_settings(tmp_path, geoip=())
    credentials = tuple(map(ended, settings.credentials))
    async with control_plane(msgspec.structs.replace(settings, credentials=credentials)) as talk:
        headers = {"Authorization": f"Bearer {TOKENS['operator']}"}
        status, body, fields = await talk.call("GET", "/", headers=headers)

    assert (status, fields["WWW-Authenticate"].split()[0]) == (401, "Basic")
    assert "expired" in str(body)


async def answers(_: web.Request) -> web.Response:
    return web.Response(body=MANIFEST)


@pytest.mark.parametrize("probes", [None, ProbeSettings(every=0.2)], ids=["unasked", "probed"])
async def test_an_edge_whose_credential_expires_takes_no_new_viewers_and_the_reason_is_shown(
    tmp_path: Path, probes: ProbeSettings | None
) -> None:
    settings = control_settings(tmp_path, geoip=(), probes=probes, heartbeat_timeout=3.0)
    end = datetime.now(UTC) + timedelta(seconds=3)
    credentials = tuple(
        msgspec.structs.replace(each, expires_at=end) if each.name == "eu-2" else each
        for each in settings.credentials
    )
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"

    async with (
        serving(answers, port),
        control_plane(msgspec.structs.replace(settings, credentials=credentials)) as talk,
    ):
        await talk.publish(manifest_sha256=hashlib.sha256(MANIFEST).hexdigest())
        await talk.beat("eu-2", url=url)
        await talk.hold("eu-2", ("a", "1"))
        assert [edge["edge_id"] for edge in await talk.route(CLIENTS["eu"])] == ["eu-2"]
        number, reason = 1, ""
        async with asyncio.timeout(20):
            while "expired" not in reason:
                await talk.beat("eu-1")
                number += 1
                told = encode(heartbeat("eu-2", number, url=url))
                await talk.call("POST", "/v1/edges/eu-2/heartbeat", "eu-2", data=told)
                _, edges, _ = await talk.call("GET", "/v1/edges", "operator")
                reason = next(each["reason"] for each in edges if each["edge_id"] == "eu-2")
                await asyncio.sleep(0.1)

        assert datetime.now(UTC) >= end
        silent = "" if probes else "not heard of for 2.8 s: "
        assert reason == f"{silent}its credential has expired"
        assert [edge["edge_id"] for edge in await talk.route(CLIENTS["eu"])] == ["eu-1"]
