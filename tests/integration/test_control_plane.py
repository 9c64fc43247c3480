"""The control plane over real sockets: the talk with edges, routes, the page, and refusals."""

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from common.errors import PortTaken
from common.messages import encode
from common.service import CredentialSettings, DatabaseSettings, ListenSettings, PeerSettings, Role
from control_plane.app import main
from control_plane.geoip import GeoDatabaseUnusable
from control_plane.settings import RegionSettings, Settings
from deploy.up.geography import PLACES, ensure_database
from tests.servers.databases import mongodb
from tests.servers.processes import free_ports
from tests.unit.control_plane.records import announcement, heartbeat, holdings

TOKENS = {
    name: f"{name}-token-for-tests"
    for name in ("operator", "ingest", "publisher", "eu-1", "eu-2", "us-1", "ap-1")
}
ROLES = {"operator": Role.OPERATOR, "ingest": Role.INGEST, "publisher": Role.PUBLISHER}
CLIENTS = {"eu": "192.0.2.1", "us": "198.51.100.1", "ap": "203.0.113.1"}


GEOIP = Path(tempfile.mkdtemp()) / "geoip.mmdb"


@pytest.fixture(scope="module", autouse=True)
def database() -> Iterator[None]:
    """The GeoIP database that all tests share."""
    ensure_database(GEOIP)
    yield
    shutil.rmtree(GEOIP.parent)


def control_settings(folder: Path, **changes: Any) -> Settings:
    (port,) = free_ports(1)
    given: dict[str, Any] = {
        "listen": ListenSettings(port=port),
        "database": DatabaseSettings(sqlite=folder / "control.sqlite"),
        "regions": tuple(
            RegionSettings(name=p.region, title=p.title, latitude=p.latitude, longitude=p.longitude)
            for p in PLACES
        ),
        "credentials": tuple(
            CredentialSettings(name=name, token=token, roles=(ROLES.get(name, Role.EDGE),))
            for name, token in TOKENS.items()
        ),
        "geoip": GEOIP,
        "trusted_proxies": ("127.0.0.0/8",),
        "heartbeat_timeout": 1.0,
    }
    return Settings(**{**given, **changes})


class Talk:
    """Says to a control plane what edges, ingest and viewers say."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._sequences: dict[str, int] = {}

    async def call(
        self, method: str, path: str, name: str | None = None, **options: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, body and fields of an answer; ``name`` is who asks."""
        headers = {"Authorization": f"Bearer {TOKENS[name]}"} if name else {}
        headers |= options.pop("headers", {})
        async with self.session.request(
            method, path, headers=headers, allow_redirects=False, **options
        ) as response:
            text = await response.text()
            body = msgspec.json.decode(text) if "json" in response.content_type else text
            return response.status, body, dict(response.headers)

    async def beat(self, edge: str, **changes: Any) -> dict[str, Any]:
        self._sequences[edge] = self._sequences.get(edge, 0) + 1
        body = encode(heartbeat(edge, self._sequences[edge], **changes))
        status, answer, _ = await self.call("POST", f"/v1/edges/{edge}/heartbeat", edge, data=body)
        assert status == 200, answer
        return dict(answer)

    async def publish(self, asset: str = "a", **changes: Any) -> None:
        status, body, _ = await self.call(
            "POST", "/v1/packages", "ingest", data=encode(announcement(asset, **changes))
        )
        assert status == 201, body

    async def hold(self, edge: str, *names: tuple[str, str], held: int = 3) -> None:
        body = encode(holdings(edge, *names, held=held))
        status, answer, _ = await self.call("PUT", f"/v1/edges/{edge}/holdings", edge, data=body)
        assert status == 204, answer

    async def route(self, client: str, asset: str = "a") -> list[dict[str, Any]]:
        headers = {"X-Forwarded-For": client}
        status, body, _ = await self.call("GET", f"/play/{asset}.json", headers=headers)
        assert status == 200, body
        return list(body["edges"])


@contextlib.asynccontextmanager
async def control_plane(settings: Settings) -> AsyncIterator[Talk]:
    stop = asyncio.Event()
    running = asyncio.create_task(main(settings, stop))
    base = f"http://127.0.0.1:{settings.listen.port}"
    async with aiohttp.ClientSession(base) as session:
        try:
            async with asyncio.timeout(10):
                while not await listens(settings.listen.port):
                    if running.done():
                        await running
                    await asyncio.sleep(0.01)
            yield Talk(session)
        finally:
            stop.set()
            await running


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with control_plane(control_settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
async def filled(talk: Talk) -> Talk:
    """A control plane with one asset that three edges hold."""
    await talk.publish()
    for edge in ("eu-1", "us-1", "ap-1"):
        await talk.beat(edge)
        await talk.hold(edge, ("a", "1"))
    return talk


async def test_an_edge_learns_what_to_hold_and_tells_that_it_does(talk: Talk) -> None:
    first = await talk.beat("eu-1")
    await talk.publish()
    second = await talk.beat("eu-1")
    assert first["desired_revision"] != second["desired_revision"]

    _, desired, _ = await talk.call("GET", "/v1/edges/eu-1/desired", "eu-1")
    assert desired["revision"] == second["desired_revision"]
    assert [package["asset_id"] for package in desired["packages"]] == ["a"]

    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["state"] == "published"
    await talk.hold("eu-1", ("a", "1"), held=1)
    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["copies"] == [
        {"region": "eu", "wanted": 1, "held": 0, "bytes_wanted": 1000, "bytes_held": 333}
    ]
    await talk.hold("eu-1", ("a", "1"))
    _, asset, _ = await talk.call("GET", "/v1/assets/a", "operator")
    assert asset["state"] == "placed"


async def test_holdings_are_asked_for_until_they_are_known(talk: Talk) -> None:
    assert (await talk.beat("eu-1", holdings_revision="1-3"))["send_holdings"]
    await talk.hold("eu-1", ("a", "1"))
    assert not (await talk.beat("eu-1", holdings_revision="1-3"))["send_holdings"]
    assert (await talk.beat("eu-1", holdings_revision="2-3"))["send_holdings"]


@pytest.mark.parametrize("region", ["eu", "us", "ap"])
async def test_a_viewer_is_sent_to_the_edge_of_their_region(filled: Talk, region: str) -> None:
    status, _, fields = await filled.call(
        "GET", "/play/a", headers={"X-Forwarded-For": CLIENTS[region]}
    )

    assert status == 302
    assert fields["Location"] == f"https://{region}-1.example.org/v/a/1/main.m3u8"
    assert fields["Cache-Control"] == "private, no-store"
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_head_redirects_too(filled: Talk) -> None:
    status, body, fields = await filled.call("HEAD", "/play/a")

    assert (status, body) == (302, "")
    assert fields["Location"] == "https://eu-1.example.org/v/a/1/main.m3u8"


async def test_the_list_tells_who_asks_from_where_and_why(filled: Talk) -> None:
    _, body, _ = await filled.call(
        "GET", "/play/a.json", headers={"X-Forwarded-For": CLIENTS["ap"]}
    )

    assert (body["client"], body["location"]) == ("203.0.113.1", "Singapore, SG")
    assert [edge["rank"] for edge in body["edges"]] == [1, 2, 3]
    assert body["edges"][0]["reason"].startswith("holds the version; Asia-Pacific is 0 km from")


async def test_an_address_in_no_database_gets_the_operators_order(filled: Talk) -> None:
    for client in ("8.8.8.8", "2001:db8::1"):
        edges = await filled.route(client)
        assert [edge["edge_id"] for edge in edges] == ["eu-1", "us-1", "ap-1"]
        assert "the client's place is unknown" in edges[0]["reason"]


async def test_a_player_is_told_to_which_edges_it_may_go_and_to_stay_until_its_own_fails(
    filled: Talk,
) -> None:
    _, body, fields = await filled.call(
        "GET", "/steer/a?_HLS_pathway=here", headers={"X-Forwarded-For": CLIENTS["ap"]}
    )

    assert body["PATHWAY-PRIORITY"] == ["here", "ap-1", "eu-1", "us-1"]
    assert body["RELOAD-URI"] == "/steer/a"
    assert body["PATHWAY-CLONES"][0] == {
        "BASE-ID": "here",
        "ID": "ap-1",
        "URI-REPLACEMENT": {"HOST": "ap-1.example.org"},
    }
    assert fields["Cache-Control"] == "private, no-store"
    assert fields["Access-Control-Allow-Origin"] == "*"


async def test_a_forged_address_from_an_untrusted_peer_is_ignored(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, trusted_proxies=())) as talk:
        await talk.publish()
        for edge in ("eu-1", "ap-1"):
            await talk.beat(edge)
            await talk.hold(edge, ("a", "1"))
        edges = await talk.route(CLIENTS["ap"])

    assert edges[0]["edge_id"] == "eu-1"


async def test_an_edge_that_falls_silent_gets_no_viewers(filled: Talk) -> None:
    await asyncio.sleep(0.7)
    await filled.beat("eu-1")
    await asyncio.sleep(0.5)

    assert [edge["edge_id"] for edge in await filled.route(CLIENTS["ap"])] == ["eu-1"]


async def test_an_edge_that_drains_gets_no_viewers(filled: Talk) -> None:
    await filled.beat("eu-1", ready=False)

    assert [edge["edge_id"] for edge in await filled.route(CLIENTS["eu"])] == ["us-1", "ap-1"]


async def test_a_replayed_heartbeat_does_not_bring_an_edge_back(filled: Talk) -> None:
    await filled.beat("eu-1", ready=False)
    replay = encode(heartbeat("eu-1", 1))
    status, _, _ = await filled.call("POST", "/v1/edges/eu-1/heartbeat", "eu-1", data=replay)

    assert status == 200
    assert "eu-1" not in [edge["edge_id"] for edge in await filled.route(CLIENTS["eu"])]


async def test_without_an_edge_viewers_are_told_to_come_back(talk: Talk) -> None:
    await talk.publish()
    status, body, fields = await talk.call("GET", "/play/a")

    assert status == 503
    assert fields["Retry-After"] == "2"
    assert fields["Access-Control-Allow-Origin"] == "*"
    assert body["detail"] == "No edge can serve asset 'a' now: try again soon."


@pytest.mark.parametrize("path", ["/play/nothing", "/play/nothing.json", "/v1/assets/nothing"])
async def test_an_unknown_asset_is_told(talk: Talk, path: str) -> None:
    status, body, fields = await talk.call("GET", path, "operator")

    assert status == 404
    assert fields["Content-Type"] == "application/problem+json"
    assert body["type"] == "urn:nearcast:problem:asset-unknown"
    assert body["detail"] == "There is no asset 'nothing'."


@pytest.mark.parametrize("asset", ["a%00b", "<script>", "x" * 65, "a/b"])
async def test_a_name_that_no_asset_has_is_not_found(talk: Talk, asset: str) -> None:
    status, _, _ = await talk.call("GET", f"/play/{asset}")

    assert status == 404


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("POST", "/v1/packages", None, 401),
        ("POST", "/v1/packages", "eu-1", 403),
        ("POST", "/v1/packages", "publisher", 403),
        ("POST", "/v1/edges/eu-1/heartbeat", None, 401),
        ("POST", "/v1/edges/eu-1/heartbeat", "eu-2", 403),
        ("POST", "/v1/edges/eu-1/heartbeat", "ingest", 403),
        ("GET", "/v1/edges/eu-1/desired", "eu-2", 403),
        ("PUT", "/v1/edges/eu-1/holdings", "eu-2", 403),
        ("GET", "/v1/assets", None, 401),
        ("GET", "/v1/assets", "eu-1", 403),
        ("GET", "/v1/edges", "publisher", 403),
        ("GET", "/", None, 401),
        ("GET", "/", "publisher", 403),
    ],
)
async def test_a_credential_opens_only_what_it_is_for(
    talk: Talk, method: str, path: str, name: str | None, status: int
) -> None:
    got, _, fields = await talk.call(method, path, name, data=b"{}")

    assert got == status
    assert "json" in fields["Content-Type"]
    assert ("WWW-Authenticate" in fields) == (status == 401)


async def test_a_token_that_nobody_has_opens_nothing(talk: Talk) -> None:
    headers = {"Authorization": "Bearer not-a-token-of-this-server"}
    status, body, _ = await talk.call("GET", "/v1/assets", headers=headers)

    assert (status, body["detail"]) == (401, "The credential sent is not one this server knows.")


@pytest.mark.parametrize(
    ("path", "method", "name", "body", "status"),
    [
        ("/v1/packages", "POST", "ingest", b"", 422),
        ("/v1/packages", "POST", "ingest", b"[" * 50_000, 422),
        ("/v1/packages", "POST", "ingest", b'{"asset_id": "../x"}', 422),
        ("/v1/packages", "POST", "ingest", b" " * 70_000, 413),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", b"\xff\xfe", 422),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", encode(heartbeat("eu-2")), 422),
        ("/v1/edges/eu-1/heartbeat", "POST", "eu-1", encode(heartbeat(region="mars")), 422),
        ("/v1/edges/eu-1/holdings", "PUT", "eu-1", encode(holdings("eu-1")), 404),
        ("/v1/edges/eu-1/desired", "GET", "eu-1", b"", 404),
    ],
)
async def test_bad_messages_are_told_in_a_sentence(
    talk: Talk, path: str, method: str, name: str, body: bytes, status: int
) -> None:
    got, problem, _ = await talk.call(method, path, name, data=body)

    assert got == status
    assert problem["detail"].endswith((".", ":"))
    assert "Traceback" not in problem["detail"]


async def test_a_conflicting_announcement_is_refused(talk: Talk) -> None:
    await talk.publish()
    await talk.publish()
    body = encode(announcement(manifest_sha256="cd" * 32))
    status, _, _ = await talk.call("POST", "/v1/packages", "ingest", data=body)

    assert status == 409


async def test_all_is_known_after_a_restart(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
    async with control_plane(settings) as talk:
        edges = await talk.route(CLIENTS["eu"])

    assert [edge["edge_id"] for edge in edges] == ["eu-1"]
    assert edges[0]["reason"].startswith("holds the version")


async def test_routing_goes_on_while_the_database_is_away(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings) as talk:
        await talk.publish()
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
        assert settings.database.sqlite is not None
        with contextlib.closing(sqlite3.connect(settings.database.sqlite)) as other:
            other.execute("DROP TABLE edges")

        async def told() -> bool:
            status, body, _ = await talk.call("GET", "/readyz")
            return status == 503 and "catalog" in body["reasons"]

        async with asyncio.timeout(5):
            while not await told():  # noqa: ASYNC110 - the control plane finds out by itself
                await asyncio.sleep(0.05)
        await talk.beat("eu-1")
        assert [edge["edge_id"] for edge in await talk.route(CLIENTS["eu"])] == ["eu-1"]


async def test_edges_stay_up_while_mongodb_does_not_answer(tmp_path: Path) -> None:
    with mongodb(tmp_path) as server:
        settings = control_settings(tmp_path, database=DatabaseSettings(mongodb=server.url))
        async with control_plane(settings) as talk:
            await talk.publish()
            await talk.beat("eu-1")
            os.kill(server.pid, signal.SIGSTOP)
            try:
                for number in range(4):
                    async with asyncio.timeout(0.5):
                        await talk.beat("eu-1")
                        await talk.hold("eu-1", ("a", "1"), held=number)
                    await asyncio.sleep(0.4)
                    routed = await talk.route(CLIENTS["eu"])
                    assert [edge["edge_id"] for edge in routed] == ["eu-1"]
                assert routed[0]["reason"].startswith("holds the version")
            finally:
                os.kill(server.pid, signal.SIGCONT)


async def test_the_page_asks_for_an_operators_token(talk: Talk) -> None:
    status, _, fields = await talk.call("GET", "/")
    assert status == 401
    assert fields["WWW-Authenticate"].startswith("Basic ")

    login = base64.b64encode(f"anyone:{TOKENS['operator']}".encode()).decode()
    status, page, _ = await talk.call("GET", "/", headers={"Authorization": f"Basic {login}"})
    assert status == 200
    assert "Europe" in page


async def test_the_page_shows_everything_and_trusts_nothing(tmp_path: Path) -> None:
    settings = control_settings(
        tmp_path,
        dashboard_open=True,
        ingest=PeerSettings(url=f"http://127.0.0.1:{free_ports(1)[0]}", token="x" * 20),
    )
    async with control_plane(settings) as talk:
        await talk.publish(title="<script>alert(1)</script>")
        await talk.beat("eu-1")
        await talk.hold("eu-1", ("a", "1"))
        status, page, fields = await talk.call("GET", "/")
        assert status == 200
        _, part, _ = await talk.call("GET", "/parts")

    assert part in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Ingest does not tell its jobs: " in page
    for text in ("Europe", "Asia-Pacific", "eu-1", "eu 1/1", "placed"):
        assert text in page
    policy = fields["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "https://eu-1.example.org" in policy


async def test_an_edge_cannot_write_the_pages_policy(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, dashboard_open=True)) as talk:
        await talk.beat("eu-1", url="https://x;script-src-elem")
        await talk.beat("eu-2", url="https://evil.example/base;sandbox")
        _, _, fields = await talk.call("GET", "/")

    policy = fields["Content-Security-Policy"]
    assert "script-src-elem" not in policy
    assert "sandbox" not in policy
    assert "connect-src 'self' https://evil.example;" in policy


async def test_everybody_may_see_the_upload_page_and_it_may_call_ingest_alone(
    tmp_path: Path,
) -> None:
    settings = control_settings(tmp_path, uploads_url="https://uploads.example.org/base/")
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        status, page, fields = await talk.call("GET", "/upload")
        assert status == 200
        scripts = re.findall(r"<script[^>]*>", page)
        found = [await talk.call("GET", re.findall(r'src="([^"]+)"', one)[0]) for one in scripts]

    assert 'data-ingest="https://uploads.example.org/base"' in page
    assert len(scripts) == 3
    assert [answer[0] for answer in found] == [200, 200, 200]
    policy = fields["Content-Security-Policy"]
    assert "connect-src 'self' https://uploads.example.org https://eu-1.example.org;" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    # Whatever is written into the page itself would need leave of the policy.
    assert "onclick" not in page
    assert "style=" not in page
    assert "<style" not in page


async def test_every_module_of_the_pages_is_served(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path)) as talk:
        seen, waiting = set[str](), ["page.js", "upload.js"]
        while waiting:
            name = waiting.pop()
            status, text, fields = await talk.call("GET", f"/static/{name}")
            assert status == 200, name
            assert fields["Content-Type"] == "text/javascript; charset=utf-8"
            seen.add(name)
            waiting += set(re.findall(r'from "\./([a-z.]+)"', text)) - seen

    folder = resources.files("control_plane") / "dashboard" / "static"
    assert seen == {file.name for file in folder.iterdir() if file.name.endswith(".js")}


async def test_without_ingests_address_there_is_no_upload_page(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, dashboard_open=True)) as talk:
        status, problem, _ = await talk.call("GET", "/upload")
        _, front, fields = await talk.call("GET", "/")

    assert status == 404
    assert "`uploads_url` is not given" in problem["detail"]
    assert 'href="/upload"' not in front
    assert "connect-src 'self';" in fields["Content-Security-Policy"]


async def test_a_body_that_does_not_come_is_not_waited_for(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.api.bodies.COMES_WITHIN", 0.2)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)

    status, problem, _ = await talk.call("POST", "/v1/packages", "ingest", data=slowly())

    assert status == 408
    assert problem["detail"].startswith("The body did not come within")


PICTURES = {
    "poster": "v/a/1/poster.jpg",
    "preview": "v/a/1/preview.webp",
    "storyboard": "v/a/1/storyboard.vtt",
}


async def test_a_route_names_the_pictures_on_the_best_edge(talk: Talk) -> None:
    await talk.publish(**PICTURES)
    await talk.beat("eu-1")
    _, route, _ = await talk.call("GET", "/play/a.json")

    for name, key in PICTURES.items():
        assert route[name] == f"https://eu-1.example.org/{key}"


async def test_a_route_to_what_has_no_pictures_names_none(talk: Talk) -> None:
    await talk.publish()
    await talk.beat("eu-1")
    _, route, _ = await talk.call("GET", "/play/a.json")

    assert [route[name] for name in PICTURES] == [None, None, None]


async def test_metrics_count_routes_and_edges(filled: Talk) -> None:
    await filled.call("GET", "/play/a")
    await filled.call("GET", "/play/nothing")
    _, text, _ = await filled.call("GET", "/metrics")

    assert 'nearcast_routes_total{result="redirected"} 1.0' in text
    assert 'nearcast_routes_total{result="unknown"} 1.0' in text
    assert 'nearcast_edges{state="up"} 3.0' in text


async def test_a_broken_geoip_database_keeps_it_from_starting(tmp_path: Path) -> None:
    (tmp_path / "broken.mmdb").write_bytes(b"no database")
    settings = control_settings(tmp_path, geoip=tmp_path / "broken.mmdb")

    with pytest.raises(GeoDatabaseUnusable):
        await main(settings, asyncio.Event())


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    settings = control_settings(tmp_path)
    async with control_plane(settings):
        second = msgspec.structs.replace(
            settings, database=DatabaseSettings(sqlite=tmp_path / "other.sqlite")
        )
        with pytest.raises(PortTaken, match=f"Port {settings.listen.port} on 127.0.0.1 is taken"):
            await main(second, asyncio.Event())
