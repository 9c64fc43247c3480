"""Coverage zones at control planes over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control_plane.settings import Settings
from tests.integration.control_service import Talk, control_plane, control_settings

CAMPUS = {"name": "campus", "networks": ["192.0.2.0/24", "2001:db8::/32"], "regions": ["ap", "eu"]}
ZONES = {"zones": [CAMPUS, {"name": "none", "networks": [], "regions": ["us"]}]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return control_settings(tmp_path, geoip=())


@pytest.fixture
async def talk(settings: Settings) -> AsyncIterator[Talk]:
    async with control_plane(settings) as talk:
        yield talk


async def shown(talk: Talk) -> dict[str, Any]:
    status, body, fields = await talk.call("GET", "/v1/zones", "operator")
    assert (status, fields["Cache-Control"]) == (200, "no-store")
    return dict(body)


async def test_zones_are_told_shown_and_taken_away(talk: Talk) -> None:
    assert await shown(talk) == {"zones": [], "by": "", "at": 0.0}

    status, answer, _ = await talk.call("PUT", "/v1/zones", "operator", json=ZONES)
    assert status == 200
    assert answer["at"] > 1e9
    assert answer == {**ZONES, "by": "operator", "at": answer["at"]}
    assert await shown(talk) == answer
    assert (await talk.call("PUT", "/v1/zones", "operator", json={"zones": [CAMPUS]}))[0] == 200
    assert (await shown(talk))["zones"] == [CAMPUS]
    for _ in range(2):
        assert (await talk.call("DELETE", "/v1/zones", "operator"))[0] == 204
    assert (await shown(talk))["zones"] == []


async def test_zones_outlive_the_control_plane(settings: Settings) -> None:
    async with control_plane(settings) as talk:
        await talk.call("PUT", "/v1/zones", "operator", json=ZONES)
    async with control_plane(settings) as talk:
        assert (await shown(talk))["zones"] == ZONES["zones"]


async def test_zones_are_known_to_other_control_planes(tmp_path: Path) -> None:
    first, second = (control_settings(tmp_path, geoip=()) for _ in range(2))
    async with control_plane(first) as one, control_plane(second) as other:
        await one.call("PUT", "/v1/zones", "operator", json=ZONES)
        async with asyncio.timeout(20):
            while (await shown(other))["zones"] != ZONES["zones"]:  # noqa: ASYNC110 - it looks each second
                await asyncio.sleep(0.1)
            await other.call("DELETE", "/v1/zones", "operator")
            while (await shown(one))["zones"]:  # noqa: ASYNC110 - it looks each second
                await asyncio.sleep(0.1)


def one_zone(**changes: Any) -> dict[str, Any]:
    return {"zones": [{**CAMPUS, **changes}]}


REFUSED: list[tuple[str | None, Any, int, str]] = [
    (None, ZONES, 401, "credential"),
    ("eu-1", ZONES, 403, "'eu-1' may not do this"),
    ("publisher", ZONES, 403, "'publisher' may not do this"),
    ("operator", one_zone(networks=["192.0.2.1/24"]), 422, "the network is 192.0.2.0/24"),
    ("operator", one_zone(networks=["campus"]), 422, "'campus' is no network"),
    ("operator", one_zone(regions=["mars"]), 422, "names the region 'mars'; there are eu, us"),
    ("operator", one_zone(regions=[]), 422, "length >= 1"),
    ("operator", one_zone(name="a/b"), 422, "$.zones[0].name"),
    ("operator", one_zone(edges=[]), 422, "unknown field `edges`"),
    ("operator", {"zones": [CAMPUS, CAMPUS]}, 422, "Two zones are called 'campus'"),
    (
        "operator",
        {"zones": [CAMPUS, {**CAMPUS, "name": "other"}]},
        422,
        "192.0.2.0/24 is in zone 'campus' and in zone 'other'",
    ),
    ("operator", [], 422, "not a valid CoverageZones"),
]


async def test_what_are_no_zones_of_an_operator_is_refused_and_changes_nothing(talk: Talk) -> None:
    for name, body, status, told in REFUSED:
        got, problem, _ = await talk.call("PUT", "/v1/zones", name, json=body)

        assert (got, told in problem["detail"]) == (status, True), problem
    assert await shown(talk) == {"zones": [], "by": "", "at": 0.0}


async def test_zones_are_the_business_of_operators(talk: Talk) -> None:
    for method in ("GET", "DELETE"):
        assert (await talk.call(method, "/v1/zones"))[0] == 401
        assert (await talk.call(method, "/v1/zones", "publisher"))[0] == 403


async def test_a_form_of_another_site_tells_nothing(talk: Talk) -> None:
    body = json.dumps(ZONES).encode()

    assert (await talk.call("PUT", "/v1/zones", "operator", data=body))[0] == 415
    assert (await shown(talk))["zones"] == []


async def test_a_body_that_is_too_long_is_refused(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.api.coverage.DOCUMENT_AT_MOST", 100)

    got, problem, _ = await talk.call("PUT", "/v1/zones", "operator", json=ZONES)

    assert (got, "100 bytes" in problem["detail"]) == (413, True)
