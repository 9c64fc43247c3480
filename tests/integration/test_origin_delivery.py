"""The origin over real sockets: what an edge gets, and what nobody gets."""

import asyncio
import base64
import contextlib
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
from yarl import URL

from common.errors import PortTaken
from common.service import CredentialSettings, ListenSettings, Role
from origin import app
from origin.store import StoreSettings, open_store, serving
from tests.servers.processes import free_ports

TOKENS = {Role.EDGE: "token-of-an-edge", Role.PUBLISHER: "token-of-a-publisher"}
BODY = os.urandom(3_000_000)
KEY = "v/asset/1/video.m4s"


@dataclass(frozen=True)
class Origin:
    """A running origin."""

    url: str
    folder: Path
    session: aiohttp.ClientSession

    async def get(
        self, path: str, *, method: str = "GET", role: Role | None = Role.EDGE, **fields: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Asks for ``path`` as it stands here, with nothing encoded or resolved on the way."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if role is not None:
            headers["Authorization"] = f"Bearer {TOKENS[role]}"
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, headers=headers) as response:
            return response, await response.read()


def settings_for(folder: Path) -> app.Settings:
    (port,) = free_ports(1)
    return app.Settings(
        listen=ListenSettings(port=port),
        store=StoreSettings(folder=folder),
        credentials=tuple(
            CredentialSettings(name=role.value, token=token, roles=(role,))
            for role, token in TOKENS.items()
        ),
    )


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[Origin]:
    folder = tmp_path / "objects"
    settings = settings_for(folder)

    async def body() -> AsyncIterator[bytes]:
        yield BODY

    async with open_store(settings.store) as store:
        await store.put(KEY, body(), content_type="video/mp4")
        await store.put("uploads/secret", body(), content_type="video/mp4")
        await store.put("v/asset/1/manifest.json", body(), content_type="application/json")
    stop = asyncio.Event()
    running = asyncio.ensure_future(app.main(settings, stop))
    url = f"http://127.0.0.1:{settings.listen.port}"
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        await answering(session, url, running)
        yield Origin(url, folder, session)
    stop.set()
    await asyncio.wait_for(running, 30)


async def answering(
    session: aiohttp.ClientSession, url: str, running: asyncio.Future[None]
) -> None:
    async with asyncio.timeout(30):
        while not running.done():
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/healthz"):
                    return
            await asyncio.sleep(0.01)
    await running


async def test_an_edge_gets_the_object(origin: Origin) -> None:
    response, body = await origin.get(f"/{KEY}")
    assert (response.status, body) == (200, BODY)
    digest = hashlib.sha256(BODY)
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Content-Length"] == str(len(BODY))
    assert response.headers["ETag"] == f'"{digest.hexdigest()}"'
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    encoded = base64.b64encode(digest.digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{encoded}:"
    assert "Last-Modified" in response.headers


async def test_the_manifest_is_delivered_like_any_object(origin: Origin) -> None:
    response, body = await origin.get("/v/asset/1/manifest.json")
    assert (response.status, body) == (200, BODY)
    assert response.headers["Content-Type"] == "application/json"


async def test_head_tells_the_same_without_the_body(origin: Origin) -> None:
    whole, _ = await origin.get(f"/{KEY}")
    head, body = await origin.get(f"/{KEY}", method="HEAD")
    assert (head.status, body) == (200, b"")
    drop = {"Date"}
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in whole.headers.items() if k not in drop
    }


async def test_a_range_is_delivered_alone(origin: Origin) -> None:
    response, body = await origin.get(f"/{KEY}", Range="bytes=1000000-1999999")
    assert (response.status, body) == (206, BODY[1_000_000:2_000_000])
    assert response.headers["Content-Range"] == f"bytes 1000000-1999999/{len(BODY)}"
    assert "Repr-Digest" in response.headers


async def test_a_range_after_the_end_is_416_with_the_size(origin: Origin) -> None:
    response, body = await origin.get(f"/{KEY}", Range="bytes=3000000-")
    assert response.status == 416
    assert response.headers["Content-Range"] == f"bytes */{len(BODY)}"
    assert msgspec.json.decode(body)["type"] == "urn:nearcast:problem:range-not-satisfiable"


async def test_a_current_copy_is_304(origin: Origin) -> None:
    first, _ = await origin.get(f"/{KEY}")
    response, body = await origin.get(f"/{KEY}", If_None_Match=first.headers["ETag"])
    assert (response.status, body) == (304, b"")
    assert response.headers["ETag"] == first.headers["ETag"]
    assert "immutable" in response.headers["Cache-Control"]
    assert "Content-Type" not in response.headers


async def test_a_failed_precondition_is_412(origin: Origin) -> None:
    response, _ = await origin.get(f"/{KEY}", If_Match='"other"')
    assert response.status == 412
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_if_range_of_another_object_gets_the_whole(origin: Origin) -> None:
    response, body = await origin.get(f"/{KEY}", If_Range='"other"', Range="bytes=0-1")
    assert (response.status, body) == (200, BODY)


async def test_no_credential_is_401(origin: Origin) -> None:
    response, _ = await origin.get(f"/{KEY}", role=None)
    assert response.status == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_unknown_credential_is_401(origin: Origin) -> None:
    response, _ = await origin.get(f"/{KEY}", role=None, Authorization="Bearer nobody-knows-me")
    assert response.status == 401


async def test_a_credential_of_another_role_is_403(origin: Origin) -> None:
    response, body = await origin.get(f"/{KEY}", role=Role.PUBLISHER)
    assert response.status == 403
    assert BODY[:64] not in body


async def test_who_may_not_read_learns_nothing_of_what_exists(origin: Origin) -> None:
    there, _ = await origin.get(f"/{KEY}", role=None)
    absent, _ = await origin.get("/v/none/1/x", role=None)
    assert there.status == absent.status == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/v/asset/1/none", "/v/", "/v", "/", "/v/asset/1", "/v/asset/1/", "/uploads/secret"),
        *("/v/../uploads/secret", "/v/%2e%2e/uploads/secret", "/v/..%2fuploads/secret"),
        *("/v/asset/1/.video.m4s~", "/v/asset/1/%2Evideo.m4s%7E", "/v//asset/1/video.m4s"),
        *("/%76/asset/1/video%2em4s%00", "/v/asset%2F1%2Fvideo.m4s", "/v/" + "x" * 2000),
    ],
)
async def test_everything_else_is_404(origin: Origin, path: str) -> None:
    response, body = await origin.get(path)
    assert response.status == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert BODY[:64] not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_can_be_written(origin: Origin, method: str) -> None:
    response, _ = await origin.get(f"/{KEY}", method=method)
    assert response.status == 405
    assert response.headers["Allow"] == "GET,HEAD"


async def test_an_object_that_shrinks_meanwhile_never_looks_whole(origin: Origin) -> None:
    header = {"Authorization": f"Bearer {TOKENS[Role.EDGE]}"}
    big = origin.folder / "v/asset/1/big"
    big.write_bytes(bytes(64_000_000))
    async with origin.session.get(f"{origin.url}/v/asset/1/big", headers=header) as response:
        await response.content.readexactly(1000)
        os.truncate(big, 1_000_000)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_client_that_goes_leaves_no_open_file(origin: Origin) -> None:
    header = {"Authorization": f"Bearer {TOKENS[Role.EDGE]}"}
    big = origin.folder / "v/asset/1/big"
    big.write_bytes(bytes(64_000_000))
    response = await origin.session.get(f"{origin.url}/v/asset/1/big", headers=header)
    await response.content.readexactly(1000)
    assert big in open_files()
    response.close()
    async with asyncio.timeout(30):
        # The kernel tells nobody when a file is closed.
        while big in open_files():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_client_that_takes_nothing_is_cut_off(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "STALLED_AFTER", 0.2)
    (origin.folder / "v/asset/1/big").write_bytes(bytes(64_000_000))
    header = {"Authorization": f"Bearer {TOKENS[Role.EDGE]}"}
    async with origin.session.get(f"{origin.url}/v/asset/1/big", headers=header) as response:
        await response.content.readexactly(1000)
        await asyncio.sleep(1)
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    _, metrics = await origin.get("/metrics", role=None)
    assert "nearcast_origin_cut_total 1.0" in metrics.decode().splitlines()


def open_files() -> set[Path]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(descriptor.readlink())
    return found


async def test_an_object_put_there_by_hand_is_delivered(origin: Origin) -> None:
    (origin.folder / "v/asset/1/by-hand.m3u8").write_bytes(b"#EXTM3U\n")
    response, body = await origin.get("/v/asset/1/by-hand.m3u8")
    assert (response.status, body) == (200, b"#EXTM3U\n")
    assert response.headers["Content-Type"] == "application/vnd.apple.mpegurl"


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
async def test_a_disk_that_is_not_mounted_is_503_and_not_ready(origin: Origin, left: str) -> None:
    origin.folder.rename(origin.folder.with_name("away"))
    if left == "an empty folder":
        origin.folder.mkdir()
    response, _ = await origin.get(f"/{KEY}")
    assert response.status == 503
    ready, _ = await origin.get("/readyz", role=None)
    assert ready.status == 503


async def test_health_tells_alive_and_ready(origin: Origin) -> None:
    for path in ("/healthz", "/readyz"):
        response, _ = await origin.get(path, role=None)
        assert response.status == 200


async def test_metrics_count_requests_and_bytes(origin: Origin) -> None:
    await origin.get(f"/{KEY}")
    await origin.get("/v/asset/1/none")
    _, body = await origin.get("/metrics", role=None)
    lines = body.decode().splitlines()
    assert 'nearcast_origin_requests_total{status="200"} 1.0' in lines
    assert 'nearcast_origin_requests_total{status="404"} 1.0' in lines
    sent = next(line for line in lines if line.startswith("nearcast_origin_sent_bytes_total"))
    assert float(sent.split()[1]) == len(BODY)


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "objects")
    with socket.create_server(("127.0.0.1", settings.listen.port)), pytest.raises(PortTaken):
        await app.main(settings, asyncio.Event())
