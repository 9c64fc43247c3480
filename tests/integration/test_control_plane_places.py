"""Where viewers are, at a control plane whose GeoIP databases change while it runs."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from common.errors import NearcastError
from control_plane.geoip import GeoDatabaseUnusable
from tests.integration.control_service import Talk, control_plane, control_settings
from tests.unit.control_plane.databases import SYSTEMS, city, write_database

VIEWER = "192.0.2.7"
BERLIN = {"192.0.2.0/24": city("DE", 52.5, 13.4, "Berlin"), "2001:db8::/32": city("DE", 52, 13)}
JAKARTA = {"192.0.2.0/24": city("ID", -6.2, 106.8, "Jakarta")}


async def first(talk: Talk, viewer: str = VIEWER) -> str:
    """The edge that a viewer is sent to."""
    return str((await talk.route(viewer))[0]["edge_id"])


async def away(talk: Talk) -> dict[str, Any]:
    status, body, _ = await talk.call("GET", "/readyz")
    assert (status, body["status"]) == (200, "ready")
    return dict(body.get("away", {}))


async def edges(talk: Talk) -> None:
    await talk.publish()
    for edge in ("us-1", "eu-1", "ap-1"):
        await talk.beat(edge)
        await talk.hold(edge, ("a", "1"))


async def test_a_database_that_changes_moves_viewers_and_a_broken_one_moves_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.watched_file.LOOK_EVERY", 0.02)
    path = write_database(tmp_path / "city.mmdb", BERLIN)
    settings = control_settings(tmp_path, geoip=(path,))
    async with control_plane(settings) as talk, asyncio.timeout(30):
        await edges(talk)
        assert await first(talk) == "eu-1"
        write_database(path, JAKARTA)
        while await first(talk) != "ap-1":  # noqa: ASYNC110 - it looks by itself
            await asyncio.sleep(0.02)
        write_database(path, SYSTEMS)
        while "geoip" not in await away(talk):  # noqa: ASYNC110 - it looks by itself
            await asyncio.sleep(0.02)
        assert await first(talk) == "ap-1"
        assert (await away(talk))["geoip"] == (
            f"The GeoIP database {path} cannot be used: only 0 of 2 records tell a place."
        )
        write_database(path, BERLIN)
        while await first(talk) != "eu-1":  # noqa: ASYNC110 - it looks by itself
            await asyncio.sleep(0.02)
        assert "geoip" not in await away(talk)


async def test_viewers_in_no_database_go_to_the_first_region(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", JAKARTA)
    async with control_plane(control_settings(tmp_path, geoip=(path,))) as talk:
        await edges(talk)

        for viewer in ("198.51.100.1", "2001:db8::1", "::ffff:198.51.100.1", "10.0.0.1", "::1"):
            assert await first(talk, viewer) == "eu-1"
        for viewer in (VIEWER, f"::ffff:{VIEWER}", f"64:ff9b::{VIEWER}", "2002:c000:207::1"):
            assert await first(talk, viewer) == "ap-1"


async def test_a_database_of_something_else_keeps_it_from_starting(tmp_path: Path) -> None:
    path = write_database(tmp_path / "city.mmdb", BERLIN)

    with pytest.raises(GeoDatabaseUnusable, match="records tell an autonomous system"):
        async with control_plane(control_settings(tmp_path, geoip=(), geoip_asn=(path,))):
            pass


async def test_a_policy_that_this_release_cannot_read_keeps_it_from_starting(
    tmp_path: Path,
) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings) as talk:
        await talk.call("PUT", "/v1/policies/default", "operator", json={})
    assert settings.database.sqlite is not None
    with sqlite3.connect(settings.database.sqlite) as file:
        file.execute("UPDATE documents SET body = '{\"allowed_moods\": []}', revision = 5")
    file.close()

    with pytest.raises(NearcastError, match="allowed_moods"):
        async with control_plane(settings):
            pass
