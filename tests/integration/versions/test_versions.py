"""Rolling back to versions, over real sockets, with a real origin."""

import pytest

from control_plane.settings import Settings
from tests.integration.control_service import control_plane
from tests.integration.versions_service import (
    Operator,
)
from tests.unit.control_plane.records import announcement


async def test_viewers_get_the_version_that_was_rolled_back_to_until_a_newer_one_comes(
    operator: Operator,
) -> None:
    for version in ("1", "3"):
        await operator.announce(announcement(version=version))
    assert await operator.current() == "3"

    assert await operator.roll_back("1") == 200
    assert await operator.current() == "1"
    assert await operator.roll_back("1") == 200
    # What was known already, or is older than what was, changes nothing.
    for version in ("3", "2"):
        assert await operator.announce(announcement(version=version)) == 201
        assert await operator.current() == "1"
    assert await operator.roll_back("2") == 200
    assert await operator.current() == "2"
    assert await operator.announce(announcement(version="4")) == 201
    assert await operator.current() == "4"


async def test_a_rollback_holds_through_the_rest_of_a_publish_that_had_begun(
    operator: Operator,
) -> None:
    await operator.announce(announcement(version="1"))
    await operator.announce(announcement(version="2", objects_of="3"))
    assert await operator.roll_back("1") == 200
    await operator.announce(announcement(version="3"))

    assert await operator.current() == "1"


async def test_a_rollback_holds_after_a_restart(settings: Settings) -> None:
    async with control_plane(settings) as talk:
        for version in ("1", "2"):
            await talk.publish(version=version)
        assert await Operator(talk).roll_back("1") == 200
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        assert await Operator(talk).current() == "1"


async def test_versions_are_listed_with_all_that_is_known_of_them(operator: Operator) -> None:
    for version in ("1", "2"):
        await operator.announce(announcement(version=version))
    await operator.talk.hold("eu-1", ("a", "1"))
    await operator.roll_back("1")

    newer, older = await operator.versions()
    assert (newer["version"], newer["current"], newer["edges"]) == ("2", False, 0)
    assert (older["version"], older["current"], older["edges"]) == ("1", True, 1)
    assert (older["bytes"], older["objects"], older["removed"]) == (1000, 3, False)
    assert older["announced_at"] > 1e9


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/assets/a/rollback", b'{"version": "9"}', 404),
        ("/v1/assets/b/rollback", b'{"version": "1"}', 404),
        ("/v1/assets/a/rollback", b'{"version": "../1"}', 422),
        ("/v1/assets/a/rollback", b"{}", 422),
        ("/v1/assets/a/rollback", b'{"version": "1", "x": 1}', 422),
        ("/v1/assets/a/rollback", b" " * 2000, 413),
    ],
)
async def test_a_rollback_that_makes_no_sense_is_refused(
    operator: Operator, path: str, body: bytes, status: int
) -> None:
    await operator.announce(announcement())
    json = {"Content-Type": "application/json"}
    told, problem, _ = await operator.talk.call("POST", path, "operator", data=body, headers=json)

    assert told == status, problem


async def test_a_form_of_another_site_rolls_nothing_back(operator: Operator) -> None:
    await operator.announce(announcement())
    form = {"Content-Type": "text/plain"}
    status, _, _ = await operator.talk.call(
        "POST", "/v1/assets/a/rollback", "operator", data=b'{"version": "1"}', headers=form
    )

    assert status == 415


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/v1/assets/a/versions", None, 401),
        ("GET", "/v1/assets/a/versions", "eu-1", 403),
        ("POST", "/v1/assets/a/rollback", "publisher", 403),
        ("DELETE", "/v1/assets/a", "publisher", 403),
        ("DELETE", "/v1/assets/a", "ingest", 403),
        ("DELETE", "/v1/assets/a/versions/1", "publisher", 403),
        ("DELETE", "/v1/assets/a/versions/1", "ingest", 403),
        ("DELETE", "/v1/packages/a/1", "publisher", 403),
        ("DELETE", "/v1/packages/a/1", "eu-1", 403),
        ("DELETE", "/v1/packages/a/%2e%2e", "ingest", 404),
        ("DELETE", "/v1/assets/a/versions/1", None, 401),
        ("GET", "/v1/removals", "publisher", 403),
        ("GET", "/v1/removals/x", "eu-1", 403),
        ("GET", "/v1/edges/eu-1/orders", "eu-2", 403),
        ("PUT", "/v1/edges/eu-1/removals", "eu-2", 403),
        ("GET", "/v1/removals/x", "operator", 404),
        ("DELETE", "/v1/assets/b", "operator", 404),
        ("DELETE", "/v1/assets/a/versions/9", "operator", 404),
        ("GET", "/v1/assets/b/versions", "operator", 404),
    ],
)
async def test_who_may_not_and_what_is_not_there_is_told(
    operator: Operator, method: str, path: str, name: str | None, status: int
) -> None:
    await operator.announce(announcement())

    assert (await operator.talk.call(method, path, name))[0] == status
    assert await operator.current() == "1"
