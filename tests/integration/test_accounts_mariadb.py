"""Two control planes with their accounts on one MariaDB, which is killed, and comes back."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from control_plane.accounts import AccountsSettings
from tests.integration.accounts_service import Town, town
from tests.integration.control_service import CLIENTS
from tests.servers.databases import mariadb


async def until_away(place: Town, *, away: bool) -> dict[str, str]:
    """What a control plane does without, once it says that its accounts are among it, or not."""
    async with asyncio.timeout(30):
        while True:
            status, body, _ = await place.talk.call("GET", "/readyz")
            assert (status, body["status"]) == (200, "ready")
            told = dict(body.get("away", {}))
            if ("accounts" in told) is away:
                return told
            await asyncio.sleep(0.05)


async def test_control_planes_share_accounts_and_outlive_their_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.lookups.KNOWN_FOR", 600.0)
    with mariadb(tmp_path) as server:
        settings = AccountsSettings(mysql=server.url)
        port = make_url(server.url).port
        async with town(tmp_path / "a", settings) as here, town(tmp_path / "b", settings) as there:
            await until_away(there, away=False)
            ann, secret = await here.new_user("ann", "viewer", "publisher")
            channel = await here.new_channel(secret)
            follow = f"/v1/me/follows/{channel}"
            both = await asyncio.gather(
                *(one.ask(secret, "PUT", follow) for one in (here, there) for _ in range(5))
            )
            assert [status for status, _ in both] == [204] * 10
            seen = await there.ask(secret, "GET", f"/v1/channels/{channel}")
            assert seen[1]["followers"] == 1

            os.kill(server.pid, signal.SIGKILL)
            await until_away(here, away=True)
            await while_it_is_away(here, ann, secret)
            async with town(tmp_path / "c", settings) as late, AsyncExitStack() as stack:
                await until_away(late, away=True)
                await late.operator("GET", "/v1/users", expect=503)
                stack.enter_context(mariadb(tmp_path, port))
                await until_away(late, away=False)
                await until_away(here, away=False)
                await until_away(there, away=False)
                assert (await there.ask(secret, "GET", "/v1/me/follows"))[1]["follows"]
                await late.new_user("bob")


async def while_it_is_away(place: Town, ann: str, secret: str) -> None:
    """Routes and the settings' credentials go on, known tokens too; the rest is told to wait."""
    await place.talk.publish()
    await place.talk.beat("eu-1")
    await place.talk.hold("eu-1", ("a", "1"))
    assert await place.talk.route(CLIENTS["eu"])
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200
    unknown = {"Authorization": f"Bearer nca_{'x' * 43}"}
    status, body, _ = await place.talk.call("GET", "/v1/feed", headers=unknown)
    assert (status, len(body["entries"])) == (200, 1)
    answers = [
        await place.talk.call("GET", "/v1/me", headers=unknown),
        await place.talk.call("GET", f"/v1/users/{ann}", "operator"),
        await place.talk.call("POST", "/v1/users", "operator", json={"name": "eve"}),
        await place.talk.call("GET", "/v1/channels", "operator"),
    ]
    for status, problem, fields in answers:
        assert (status, problem["type"]) == (503, "urn:nearcast:problem:unavailable")
        assert "secret" not in problem["detail"]
        assert int(fields["Retry-After"]) > 0
