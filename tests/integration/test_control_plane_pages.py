"""The pages of the control plane, over real sockets."""

import base64
import re
from importlib import resources
from pathlib import Path

import pytest

from common.service import PeerSettings
from tests.integration.control_service import (
    TOKENS,
    Talk,
    control_plane,
    control_settings,
)
from tests.servers.processes import free_ports

pytestmark = pytest.mark.usefixtures("geoip")


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
        await talk.until_placed(1)
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
        seen, waiting = set[str](), ["page.js", "upload.js", "pathways.js"]
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


async def test_the_page_shows_purges_and_which_edges_have_not_done_them(tmp_path: Path) -> None:
    async with control_plane(control_settings(tmp_path, dashboard_open=True)) as talk:
        for edge in ("eu-1", "us-1"):
            await talk.beat(edge)
        body = {"prefix": "v/<b>"}
        status, _, _ = await talk.call("POST", "/v1/purges", "operator", json=body)
        assert status == 422
        asked = {"asset_id": "a", "soft": True}
        status, _, _ = await talk.call("POST", "/v1/purges", "operator", json=asked)
        assert status == 202
        await talk.beat("eu-1", purges=1)
        _, page, _ = await talk.call("GET", "/parts")

    text = " ".join(re.sub("<[^>]*>", " ", page).split())
    assert "v/a/ what begins so · by operator" in text
    assert "purging validated 1/2 us-1 pending" in text
