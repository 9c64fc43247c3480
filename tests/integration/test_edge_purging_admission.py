"""Purging over the admin port: who may, and what is no request to purge."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.service import CredentialSettings, ListenSettings, Role
from tests.integration.proxy_service import RawOrigin, raw_origin
from tests.integration.purging_service import Purged, fill, running, tagged
from tests.servers.processes import free_ports


@pytest.fixture
async def origin() -> AsyncIterator[RawOrigin]:
    async with raw_origin() as scripted:
        scripted.answers(tagged)
        yield scripted


@pytest.fixture
async def purged(origin: RawOrigin, tmp_path: Path) -> AsyncIterator[Purged]:
    async with running(tmp_path, origin) as put_together:
        yield put_together


TOKENS = {role: f"token-of-the-{role.value}" for role in Role}
CREDENTIALS = tuple(
    CredentialSettings(name=role.value, token=token, roles=(role,))
    for role, token in TOKENS.items()
)


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("Bearer somebody-else's-token", 401),
        ("Digest x", 401),
        *(
            (f"Bearer {token}", 200 if role in {Role.OPERATOR, Role.CONTROL} else 403)
            for role, token in TOKENS.items()
        ),
    ],
)
async def test_with_credentials_only_operators_and_the_control_plane_purge(
    tmp_path: Path, origin: RawOrigin, authorization: str | None, status: int
) -> None:
    fields = () if authorization is None else (("Authorization", authorization),)
    async with running(tmp_path, origin, credentials=CREDENTIALS) as purged:
        await fill(purged.viewer)
        got = await purged.purge(*fields, everything=True)
        hit = (await purged.viewer.get("/a/1")).cache.startswith("hit")

    assert (got.status, hit) == (status, status != 200)
    assert (got.get("www-authenticate") is not None) is (status == 401)


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("0.0.0.0", 403)])
async def test_without_credentials_purging_is_open_on_loopback_alone(
    tmp_path: Path, origin: RawOrigin, host: str, status: int
) -> None:
    (port,) = free_ports(1)
    listen = ListenSettings(host=host, port=port)
    async with running(tmp_path, origin, admin=listen) as purged:
        assert (await purged.purge(everything=True)).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"everything": false}',
        b'{"soft": true}',
        b'{"url": "http://cdn.test/", "tag": "a"}',
        b'{"everything": true, "tag": "a"}',
        b'{"tag": 1}',
        b'{"tags": ["a"]}',
        b'{"url": "/a"}',
        b'{"url": "ftp://cdn.test/a"}',
        b'{"url": "http:///a"}',
        b'{"url": "http://user@cdn.test/a"}',
        b'{"url": "http://cdn.test/a b"}',
        b'{"url": ""}',
        b'{"tag": "' + b"a" * 65_536 + b'"}',
    ],
)
async def test_a_request_that_names_nothing_clearly_is_refused_and_takes_nothing(
    purged: Purged, body: bytes
) -> None:
    await fill(purged.viewer)

    got = await purged.admin.request("POST", "/v1/purge", body=body)

    assert (got.status, got.get("content-type")) == (400, "application/problem+json")
    assert (await purged.viewer.get("/a/1")).cache.startswith("hit")


async def test_purging_is_not_answered_on_the_viewers_port(
    purged: Purged, origin: RawOrigin
) -> None:
    await fill(purged.viewer)

    await purged.viewer.request("POST", "/v1/purge", body=b'{"everything": true}')

    assert origin.asked[-1].target == "/v1/purge"
    assert (await purged.viewer.get("/a/1")).cache.startswith("hit")
