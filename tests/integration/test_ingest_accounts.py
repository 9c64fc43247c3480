"""Uploads with tokens of accounts, which ingest asks the control plane about."""

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.upload import upload_command
from tests.integration.accounts_service import Town, town
from tests.integration.control_service import TOKENS
from tests.integration.ingest_service import TOKEN, Answer, Service, running

INVENTED = "nca_" + "x" * 43


@contextlib.asynccontextmanager
async def ingest(folder: Path, place: Town) -> AsyncIterator[Service]:
    control = {"url": place.url, "token": TOKENS["ingest"]}
    service = Service(folder, None, control=control)
    with contextlib.ExitStack() as stack:
        await asyncio.to_thread(stack.enter_context, running(service))
        yield service


async def put(service: Service, secret: str, **fields: str) -> Answer:
    """What an upload is answered: its bytes are no video, which shows later."""
    path = "/v1/videos?title=x"
    return await asyncio.to_thread(service.ask, "PUT", path, b"no video", secret, **fields)


def owners(service: Service) -> dict[str, str]:
    """Whose each job is."""
    with contextlib.closing(sqlite3.connect(service.folder / "jobs.sqlite")) as database:
        return dict(database.execute("SELECT job_id, owner FROM jobs").fetchall())


def continued(service: Service, secret: str) -> bytes:
    """The first line that an upload is answered which asks before it sends."""
    with socket.create_connection(("127.0.0.1", service.port), 10) as connection:
        connection.sendall(
            b"PUT /v1/videos?title=x HTTP/1.1\r\nHost: ingest\r\nContent-Length: 8\r\n"
            b"Expect: 100-continue\r\nAuthorization: Bearer " + secret.encode() + b"\r\n\r\n"
        )
        return connection.recv(4096).split(b"\r\n")[0]


async def test_an_upload_is_a_channels_of_the_account(tmp_path: Path) -> None:
    async with town(tmp_path / "control") as place, ingest(tmp_path / "ingest", place) as service:
        _, studio = await place.new_user("ann", "publisher")
        _, viewer = await place.new_user("bob", "viewer")
        _, rival = await place.new_user("eve", "publisher")

        assert "no channel yet" in (await put(service, studio)).detail
        assert (await put(service, viewer)).status == 403
        assert (await put(service, INVENTED)).status == 401
        assert await asyncio.to_thread(continued, service, INVENTED) == (
            b"HTTP/1.1 401 Unauthorized"
        )

        theirs = await place.new_channel(rival)
        other = await place.new_channel(rival)
        assert "has 2 channels" in (await put(service, rival)).detail
        alien = await put(service, rival, Nearcast_Channel="test")
        assert (alien.status, alien.json["type"]) == (403, "urn:nearcast:problem:channel-forbidden")
        for channel in (theirs, other):
            answer = await put(service, rival, Nearcast_Channel=channel)
            assert answer.status == 201
            assert owners(service)[answer.json["job_id"]] == channel
        assert await asyncio.to_thread(continued, service, rival) == b"HTTP/1.1 403 Forbidden"

        job = f"/v1/jobs/{answer.json['job_id']}"
        for named, status in ((other, 200), (theirs, 404)):
            seen = await asyncio.to_thread(
                service.ask, "GET", job, None, rival, Nearcast_Channel=named
            )
            assert seen.status == status
        seen = await asyncio.to_thread(service.ask, "GET", job, None, TOKEN)
        assert seen.status == 404


async def test_the_command_uploads_for_the_channel_that_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    film = tmp_path / "film.mp4"
    film.write_bytes(b"no video")
    async with town(tmp_path / "control") as place, ingest(tmp_path / "ingest", place) as service:
        _, secret = await place.new_user("ann", "publisher")
        _, second = [await place.new_channel(secret) for _ in range(2)]

        async def upload(channel: str | None) -> int:
            url = f"http://127.0.0.1:{service.port}"
            where: dict[str, Any] = {"home": tmp_path, "url": url, "token": secret, "ca": None}
            return await upload_command(film, title=None, wait=False, channel=channel, **where)

        for channel, reason in (
            (None, "has 2 channels"),
            ("another", "not one of the account's"),
            ("a\r\nb", "identifier of no channel"),
        ):
            assert await upload(channel) == 1
            assert reason in capsys.readouterr().err
        assert await upload(second) == 0
        assert list(owners(service).values()) == [second]


async def test_without_the_control_plane_the_settings_credentials_go_on(tmp_path: Path) -> None:
    async with town(tmp_path / "control") as place:
        _, studio = await place.new_user("ann", "publisher")
        channel = await place.new_channel(studio)
        stack = contextlib.AsyncExitStack()
        service = await stack.enter_async_context(ingest(tmp_path / "ingest", place))
    async with stack:
        answer = await put(service, studio)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert answer.detail.startswith("The control plane, which knows accounts, is not reachable")
        assert (await put(service, TOKEN)).status == 201
        assert channel not in owners(service).values()
