"""What operators order of edges, at a control plane over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.settings import Settings
from tests.integration.control_service import Talk, control_plane, control_settings

DRAIN = {"standing": "draining", "reason": "new disks"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return control_settings(tmp_path, geoip=())


@pytest.fixture
async def talk(settings: Settings) -> AsyncIterator[Talk]:
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        yield talk


async def shown(talk: Talk) -> dict[str, object]:
    status, (edge,), _ = await talk.call("GET", "/v1/edges", "operator")
    assert status == 200
    return dict(edge["standing"] or {})


async def drained(talk: Talk) -> bool:
    _, edges, _ = await talk.call("GET", "/v1/edges", "operator")
    return any((edge["standing"] or {}).get("standing") == "draining" for edge in edges)


async def test_an_order_is_answered_and_shown(talk: Talk) -> None:
    assert await shown(talk) == {}

    status, answer, _ = await talk.call("PUT", "/v1/edges/eu-1/standing", "operator", json=DRAIN)

    assert status == 200
    assert answer.pop("at") > 1e9
    assert answer == {"edge_id": "eu-1", **DRAIN, "by": "operator"}
    assert {**await shown(talk), "at": 0} == {**answer, "at": 0}


async def test_an_order_outlives_the_control_plane(settings: Settings) -> None:
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        await talk.call("PUT", "/v1/edges/eu-1/standing", "operator", json=DRAIN)
    async with control_plane(settings) as talk:
        assert (await shown(talk))["standing"] == "draining"


async def test_an_order_is_known_to_other_control_planes(tmp_path: Path) -> None:
    first, second = (control_settings(tmp_path, geoip=()) for _ in range(2))
    async with control_plane(first) as one, control_plane(second) as other:
        await one.beat("eu-1")
        await one.call("PUT", "/v1/edges/eu-1/standing", "operator", json=DRAIN)
        async with asyncio.timeout(20):
            while not await drained(other):  # noqa: ASYNC110 - it looks each second
                await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("name", "path", "body", "status"),
    [
        (None, "eu-1", DRAIN, 401),
        ("eu-1", "eu-1", DRAIN, 403),
        ("publisher", "eu-1", DRAIN, 403),
        ("operator", "eu-2", DRAIN, 404),
        ("operator", "eu.1", DRAIN, 404),
        ("operator", "eu-1", {"standing": "resting"}, 422),
        ("operator", "eu-1", {"standing": "draining", "until": 5}, 422),
        ("operator", "eu-1", {"standing": "draining", "reason": "x" * 513}, 422),
        ("operator", "eu-1", {"standing": "draining", "reason": "x" * 5000}, 413),
    ],
)
async def test_what_is_no_order_of_an_operator_for_a_known_edge_is_refused(
    talk: Talk, name: str | None, path: str, body: dict[str, str], status: int
) -> None:
    got, problem, _ = await talk.call("PUT", f"/v1/edges/{path}/standing", name, json=body)

    assert got == status
    assert "detail" in problem
    assert await shown(talk) == {}


async def test_a_form_of_another_site_orders_nothing(talk: Talk) -> None:
    status, _, _ = await talk.call(
        "PUT", "/v1/edges/eu-1/standing", "operator", data=b'{"standing": "draining"}'
    )

    assert status == 415
    assert await shown(talk) == {}
