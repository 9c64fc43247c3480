"""Players play: a browser with hls.js in every region, and two generations of ffmpeg."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import imageio_ffmpeg
import m3u8
import pytest
from playwright.async_api import Page

from tests.e2e.browser import chromium
from tests.e2e.players import decode
from tests.e2e.system import REGION_CLIENTS, System, until
from tests.servers.parts import program

CLIP_FRAMES = 600
"""Of the sample: 20 s at 30 frames per second."""

PLAY = """
async (url) => {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const heard = { errors: [], hosts: [], levels: [] };
  const player = new Hls();
  player.on(Hls.Events.ERROR, (_, data) => heard.errors.push(`${data.type} ${data.details}`));
  player.on(Hls.Events.FRAG_LOADED, (_, data) => heard.hosts.push(new URL(data.frag.url).host));
  player.on(Hls.Events.MANIFEST_PARSED, (_, data) => heard.levels = data.levels.length);
  player.loadSource(url);
  player.attachMedia(video);
  await video.play();
  const began = performance.now();
  while (video.currentTime < 4 && performance.now() - began < 20000) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  heard.time = video.currentTime;
  heard.ranges = video.buffered.length;
  heard.width = video.videoWidth;
  heard.sound = video.webkitAudioDecodedByteCount;
  heard.dropped = video.getVideoPlaybackQuality().droppedVideoFrames;
  player.destroy();
  video.remove();
  return heard;
}
"""


@pytest.fixture
async def page(system: System, tmp_path: Path) -> AsyncIterator[Page]:
    """A page of headless Chromium at the control plane, which trusts this system's certificate."""
    async with chromium(system, tmp_path / "profile") as context:
        page = context.pages[0]
        await page.goto(f"{system.ready['control']}/")
        yield page


async def test_a_browser_plays_in_every_region(system: System, page: Page) -> None:
    for region, client in REGION_CLIENTS.items():
        url = await system.location(client)

        heard: dict[str, Any] = await page.evaluate(PLAY, url)

        assert heard["errors"] == [], region
        assert heard["time"] >= 4, region
        assert heard["ranges"] == 1, region
        assert heard["width"] > 0, region
        assert heard["sound"] > 0, region
        assert heard["levels"] >= 3, region
        hosts = {
            urlsplit(edge["url"]).netloc
            for edge in system.ready["edges"].values()
            if edge["region"] == region
        }
        assert set(heard["hosts"]) <= hosts, region


async def test_the_page_plays_when_its_button_is_pressed(system: System, page: Page) -> None:
    await page.click("button.play")

    async def plays() -> bool:
        return bool(await page.evaluate("document.querySelector('video').currentTime > 1"))

    await until(plays, within=20)
    assert "eu-" in await page.inner_text("#player-facts")


async def test_a_player_is_told_of_every_edge_to_go_on_with(system: System) -> None:
    steering = system.ready["play"].replace("/play/", "/steer/")
    async with system.client() as session, session.get(steering) as response:
        manifest = await response.json(content_type=None)

    clones = {each["ID"]: each["URI-REPLACEMENT"]["HOST"] for each in manifest["PATHWAY-CLONES"]}
    assert clones == {
        name: urlsplit(edge["url"]).hostname for name, edge in system.ready["edges"].items()
    }
    assert len(set(clones.values())) == len(clones)


async def media_playlists(system: System) -> dict[str, str]:
    """The URL of every rendition's playlist on an edge, by its path."""
    entry = await system.location(REGION_CLIENTS["ap"])
    async with system.client() as session, session.get(entry) as response:
        multivariant = m3u8.loads(await response.text(), uri=entry)
    uris = [item.uri for item in multivariant.playlists]
    uris += [item.uri for item in multivariant.media if item.uri]
    return {uri: urljoin(entry, uri) for uri in uris}


@pytest.mark.parametrize("generation", ["wheel", "debian"])
async def test_ffmpeg_decodes_every_rendition_without_a_warning(
    system: System, generation: str
) -> None:
    binary = imageio_ffmpeg.get_ffmpeg_exe() if generation == "wheel" else program("ffmpeg")
    playlists = await media_playlists(system)
    assert len(playlists) >= 4

    for uri, url in playlists.items():
        complaint, report = await asyncio.to_thread(decode, binary, url, system.ca)

        assert complaint == "", uri
        if "frame" in report and "aac" not in uri:
            assert int(report["frame"]) == CLIP_FRAMES, uri
        else:
            assert abs(int(report["out_time_us"]) / 1e6 - 20) < 0.1, uri


async def test_ffprobe_sees_three_renditions_and_sound(system: System) -> None:
    entry = await system.location(REGION_CLIENTS["us"])
    done = await asyncio.to_thread(
        subprocess.run,
        [
            program("ffprobe"),
            *("-v", "warning", "-ca_file", str(system.ca), "-tls_verify", "1"),
            *("-show_streams", "-of", "json", entry),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    streams = json.loads(done.stdout)["streams"]

    heights = [item["height"] for item in streams if item["codec_type"] == "video"]
    assert done.stderr == ""
    assert len(set(heights)) >= 3
    assert max(heights) == 720
    assert {item["codec_name"] for item in streams if item["codec_type"] == "audio"} == {"aac"}


async def whole_play(system: System, region: str) -> list[str]:
    """What the edge's cache says of each request of one play: every playlist, every segment."""
    entry = await system.location(REGION_CLIENTS[region])
    said: list[str] = []
    async with system.client() as session:

        async def get(url: str) -> str:
            async with session.get(url) as response:
                assert response.status == 200, url
                said.append(response.headers["Cache-Status"])
                body: bytes = await response.read()
                assert len(body) == int(response.headers["Content-Length"])
                return body.decode("utf-8", "replace")

        multivariant = m3u8.loads(await get(entry), uri=entry)
        found = [*multivariant.playlists, *(each for each in multivariant.media if each.uri)]
        for uri in [str(each.absolute_uri) for each in found]:
            playlist = m3u8.loads(await get(uri), uri=uri)
            assert playlist.is_endlist
            for item in [*playlist.segment_map, *playlist.segments]:
                await get(str(item.absolute_uri))
    return said


async def test_every_request_of_a_second_play_is_a_hit(system: System) -> None:
    first, second = [await whole_play(system, "sa") for _ in range(2)]

    assert len(second) == len(first) >= 4 * 3
    assert [each for each in second if not each.startswith("nearcast-sa-1; hit")] == []


async def test_edges_serve_a_whole_play_without_control_plane_and_origin(system: System) -> None:
    playlists = await media_playlists(system)
    entry = await system.location(REGION_CLIENTS["ap"])
    # Stopped, the supervisor restarts nobody.
    system.process.send_signal(signal.SIGSTOP)
    try:
        children = system.children()
        for role in ("control", "origin", "ingest"):
            os.kill(children[role], signal.SIGKILL)
        # Past the time in which the edge notices, by its heartbeats, that it is alone.
        await asyncio.sleep(2)
        for uri, url in playlists.items():
            complaint, _ = await asyncio.to_thread(decode, program("ffmpeg"), url, system.ca)
            assert complaint == "", uri
        async with system.client() as session, session.get(entry) as response:
            assert response.headers["Cache-Status"].startswith("nearcast-ap-1; hit")
    finally:
        system.process.send_signal(signal.SIGCONT)

    async def routes_again() -> bool:
        with contextlib.suppress(OSError, AssertionError):
            return (await system.location(REGION_CLIENTS["ap"])) == entry
        return False

    await until(routes_again, within=30)
