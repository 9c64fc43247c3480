"""Tokens from the control plane that mints them, through playlists, to the edge that asks for them.

Control plane and edge are real; the player follows URLs as players do.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import m3u8
import pytest

from common.messages import encode
from common.service import PeerSettings, TokenKeySettings
from common.signing import PathToken, mint
from control_plane.minting import TokenSettings
from tests.integration.control_service import TOKENS, Talk, control_plane, control_settings
from tests.integration.edge_service import Origin, edge, edge_settings, publish, scripted
from tests.unit.control_plane.records import announcement

OLD = TokenKeySettings(key_id="2026-10", secret="the old secret of enough characters")
NEW = TokenKeySettings(key_id="2026-11", secret="the new secret of enough characters")
MULTIVARIANT = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=100000
720p/playlist.m3u8
"""
MEDIA = """#EXTM3U
#EXT-X-TARGETDURATION:6
#EXT-X-MAP:URI="{0}init.mp4"
#EXTINF:6,
{0}1.m4s
#EXTINF:6,
{0}2.m4s
#EXT-X-ENDLIST
"""
PARTS = {f"720p/{name}": name.encode() * 100 for name in ("init.mp4", "1.m4s", "2.m4s")}


@dataclasses.dataclass
class Player:
    """Plays as players do, over one connection after another."""

    session: aiohttp.ClientSession
    sid: str = ""
    """What it tells in CMCD, if anything."""
    fields: bool = False
    """Whether it does so in fields."""

    async def get(self, url: str) -> tuple[int, str, str]:
        """Status, URL after redirects, and content."""
        headers = {}
        if self.sid and self.fields:
            headers["CMCD-Session"] = f'sid="{self.sid}",v=1'
        elif self.sid:
            url += f"{'&' if '?' in url else '?'}CMCD=sid%3D%22{self.sid}%22"
        async with self.session.get(url, headers=headers) as answer:
            return answer.status, str(answer.url), await answer.text()

    async def play(self, url: str) -> list[str]:
        """The URLs of all that it got."""
        status, entry, text = await self.get(url)
        assert status == 200, text
        got = [entry]
        for variant in m3u8.loads(text).playlists:
            place = urljoin(entry, variant.uri)
            status, _, text = await self.get(place)
            assert status == 200, text
            media = m3u8.loads(text)
            parts = [urljoin(place, one.uri) for one in (*media.segment_map, *media.segments)]
            for part in parts:
                # The third time it is in memory, and takes the express lane.
                statuses = [(await self.get(part))[0] for _ in range(3)]
                assert statuses == [200] * 3
            got += [place, *parts]
        return got


@dataclasses.dataclass
class Service:
    """A control plane, an origin with a film, and what is needed for an edge."""

    folder: Path
    origin: Origin
    port: int
    talk: Talk

    @property
    def play(self) -> str:
        return f"http://127.0.0.1:{self.port}/play/film"

    @contextlib.asynccontextmanager
    async def edge(self, *keys: TokenKeySettings) -> AsyncIterator[str]:
        """An edge that asks for tokens signed with ``keys``; its URL."""
        peer = PeerSettings(url=f"http://127.0.0.1:{self.port}", token=TOKENS["eu-1"])
        settings = edge_settings(
            self.folder / "edge", self.origin.url, control=peer, token_keys=keys
        )
        assert settings.url is not None
        async with edge(settings):
            await self.until_routed()
            yield settings.url

    async def until_routed(self) -> None:
        """Waits until viewers of the film, if there is one, are sent to the edge."""
        async with asyncio.timeout(30):
            while (await self.talk.call("GET", "/play/film.json?session=s"))[0] == 503:  # noqa: ASYNC110 - it is the edge's doing
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def service(
    folder: Path, origin: Origin, *keys: TokenKeySettings, **tokens: Any
) -> AsyncIterator[Service]:
    settings = control_settings(
        folder,
        geoip=(),
        trusted_proxies=(),
        tokens=TokenSettings(keys=keys, **tokens),
        heartbeat_timeout=2.0,
        dashboard_open=True,
    )
    async with control_plane(settings) as talk:
        yield Service(folder, origin, settings.listen.port, talk)


@pytest.fixture
async def store() -> AsyncIterator[Origin]:
    async with scripted(Origin) as origin:
        yield origin


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def release(service: Service, version: str, objects_of: str | None = None) -> None:
    """Publishes a version of the film, whose parts may lie under another's prefix."""
    base = f"../../{objects_of}/720p/" if objects_of else ""
    objects = {"main.m3u8": MULTIVARIANT, "720p/playlist.m3u8": MEDIA.format(base).encode()}
    if objects_of:
        publish(service.origin, objects_of, PARTS, "film")
    made = publish(service.origin, version, objects | ({} if objects_of else PARTS), "film")
    told = announcement(
        "film",
        version,
        poster=f"v/film/{objects_of or version}/720p/init.mp4",
        objects_of=objects_of,
        manifest_sha256=made.manifest_sha256,
        bytes=made.bytes,
        object_count=len(objects) + (0 if objects_of else len(PARTS)),
    )
    status, body, _ = await service.talk.call("POST", "/v1/packages", "ingest", data=encode(told))
    assert status == 201, body
    await service.until_routed()


@pytest.mark.parametrize("format_", ["path", "cat"])
@pytest.mark.parametrize("objects_of", [None, "2"])
async def test_a_player_plays_with_the_token_that_it_is_sent_to_and_with_no_other(
    tmp_path: Path,
    store: Origin,
    session: aiohttp.ClientSession,
    format_: str,
    objects_of: str | None,
) -> None:
    player = Player(session)
    async with service(tmp_path, store, NEW, format=format_) as one, one.edge(NEW) as url:
        await release(one, "1", objects_of)
        got = await player.play(one.play)
        _, told, _ = await one.talk.call("GET", "/play/film.json")
        opening = got[0].removeprefix(url).partition("/v/")[0]
        expired = f"/t/{mint(PathToken(NEW.key_id, '/v/film/1/', 1), NEW.secret)}"
        refused = {
            told: await player.get(f"{url}{told}")
            for told in (
                "/v/film/1/main.m3u8",
                f"{opening}/v/other/1/main.m3u8",
                f"{opening[:-2]}xx/v/film/1/main.m3u8",
                f"{expired}/v/film/1/main.m3u8",
                f"{opening}{opening}/v/film/1/main.m3u8",
                f"/v/film/1/main.m3u8?token={opening[3:]}",
            )
        }

        assert len(got) == 5
        assert all(each.startswith(f"{url}{opening}/v/film/") for each in got)
        assert told["edges"][0]["url"] == got[0]
        assert (await player.get(told["poster"]))[0] == 200
        assert {status for status, _, _ in refused.values()} == {403}
        assert all("The token in the path" in text for _, _, text in refused.values())


async def test_what_is_bound_to_an_address_is_played_from_it_and_from_no_other(
    tmp_path: Path, store: Origin, session: aiohttp.ClientSession
) -> None:
    async with service(tmp_path, store, NEW, bind="address") as one, one.edge(NEW) as url:
        await release(one, "1")
        got = await Player(session).play(one.play)
        _, _, body = await Player(session).get(got[0])
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        async with aiohttp.ClientSession(connector=connector) as elsewhere:
            statuses = [(await Player(elsewhere).get(each))[0] for each in got]
            own = await Player(elsewhere).play(one.play)

    assert body.startswith("#EXTM3U")
    assert statuses == [403] * 5
    assert own[0] != got[0]
    assert own[0].startswith(url)


@pytest.mark.parametrize("fields", [False, True])
async def test_what_is_bound_to_a_session_is_played_in_it_and_in_no_other(
    tmp_path: Path, store: Origin, session: aiohttp.ClientSession, fields: bool
) -> None:
    player = Player(session, "6e2fb550-c457", fields)
    async with service(tmp_path, store, NEW, bind="session") as one, one.edge(NEW):
        await release(one, "1")
        got = await player.play(one.play)
        named = await player.play(f"{one.play}?session=6e2fb550-c457")
        without, _, why = await Player(session).get(one.play)
        unfit, _, _ = await Player(session).get(f"{one.play}?session=a%20b")
        bare = [each.partition("?")[0] for each in got]
        others = {
            (await Player(session, sid, in_fields).get(each))[0]
            for each in bare
            for sid, in_fields in (("", False), ("other", False), ("other", True))
        }
        steering, _, _ = await Player(session).get(one.play.replace("/play/", "/steer/"))
        async with session.options(named[0]) as preflight:
            allowed = preflight.headers["Access-Control-Allow-Headers"]

    assert [each.partition("?")[0] for each in named] == bare
    # Browsers ask without what they want to send, and are to be allowed to send it.
    assert (preflight.status, "CMCD-Session" in allowed) == (204, True)
    assert (without, "session" in why, unfit) == (400, True, 400)
    assert others == {403}
    assert steering == 200


@pytest.mark.parametrize("bind", ["none", "session"])
async def test_what_the_feed_names_is_open(
    tmp_path: Path, store: Origin, session: aiohttp.ClientSession, bind: str
) -> None:
    async with service(tmp_path, store, NEW, bind=bind) as one, one.edge(NEW):
        await release(one, "1")
        status, told, _ = await one.talk.call("GET", "/v1/feed?session=a-1")
        assert status == 200, told
        entry = told["entries"][0]
        got = [await Player(session, "a-1").get(entry[name]) for name in ("play", "poster")]
        without, why, _ = await one.talk.call("GET", "/v1/feed")

    assert [status for status, _, _ in got] == [200, 200]
    assert without == (400 if bind == "session" else 200), why


async def test_keys_are_rotated_while_viewers_play(
    tmp_path: Path, store: Origin, session: aiohttp.ClientSession
) -> None:
    player = Player(session)
    async with service(tmp_path, store, OLD) as one, one.edge(OLD, NEW) as url:
        await release(one, "1")
        before = (await player.play(one.play))[0].removeprefix(url)
    async with service(tmp_path, store, NEW, OLD) as one, one.edge(OLD, NEW) as url:
        after = (await player.play(one.play))[0].removeprefix(url)
        assert after != before
        assert (await player.get(url + before))[0] == 200
    async with service(tmp_path, store, NEW) as one, one.edge(NEW) as url:
        assert (await player.get(url + after))[0] == 200
        status, _, why = await player.get(url + before)
    assert (status, "no longer, good" in why) == (403, True)
