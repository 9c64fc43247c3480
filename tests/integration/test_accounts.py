"""Users, tokens, channels and follows over HTTP."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from common.messages import encode
from tests.integration.accounts_service import Town, town
from tests.integration.control_service import TOKENS
from tests.unit.control_plane.records import heartbeat

INVENTED = "nca_" + "x" * 43


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as opened:
        yield opened


async def test_an_operator_makes_changes_and_deletes_users(place: Town) -> None:
    status, user, fields = await place.talk.call(
        "POST", "/v1/users", "operator", json={"name": "ann", "roles": ["viewer", "publisher"]}
    )
    path = f"/v1/users/{user['user_id']}"

    assert (status, fields["Location"]) == (201, path)
    assert user["roles"] == ["viewer", "publisher"]
    assert (await place.operator("GET", path))["name"] == "ann"
    changed = await place.operator("PATCH", path, {"name": "anna", "disabled": True})
    assert (changed["name"], changed["disabled"]) == ("anna", True)
    listed = await place.operator("GET", "/v1/users?name=anna")
    assert [one["user_id"] for one in listed["users"]] == [user["user_id"]]
    assert await place.operator("DELETE", path, expect=204) == ""
    problem = await place.operator("GET", path, expect=404)
    assert problem["type"] == "urn:nearcast:problem:user-unknown"


async def test_pages_follow_one_another(place: Town) -> None:
    for name in ("a", "b", "c"):
        await place.operator("POST", "/v1/users", {"name": name}, expect=201)
        await place.operator(
            "POST", "/v1/channels", {"title": name, "channel_id": name}, expect=201
        )

    for path, what, key in (("users", "users", "name"), ("channels", "channels", "channel_id")):
        first = await place.operator("GET", f"/v1/{path}?limit=2")
        last = await place.operator("GET", f"/v1/{path}?limit=2&after={first['next']}")
        assert [one[key] for one in first[what]] == ["a", "b"]
        assert [one[key] for one in last[what]] == ["c"]
        assert last["next"] is None
        for query in ("limit=0", "limit=x", "limit=201", "after=" + "x" * 65, "after=%00"):
            await place.operator("GET", f"/v1/{path}?{query}", expect=400)


async def test_the_secret_of_a_token_is_told_once_and_kept_nowhere(
    place: Town, tmp_path: Path
) -> None:
    ann, _ = await place.new_user("ann")
    new = await place.new_token(ann)
    secret, token = new["secret"], new["token"]

    listed = await place.operator("GET", f"/v1/users/{ann}/tokens")
    assert token in listed
    assert secret not in repr(listed)
    (status, me) = await place.ask(secret, "GET", "/v1/me")
    assert (status, me) == (
        200,
        {"user_id": ann, "name": "ann", "roles": ["viewer"], "channels": []},
    )
    files = [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]
    assert any(hashlib.sha256(secret.encode()).hexdigest().encode() in file for file in files)
    assert not any(secret[4:].encode() in file for file in files)


async def test_a_revoked_token_is_worth_nothing_at_once(place: Town) -> None:
    ann, secret = await place.new_user("ann")
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200
    (token,) = await place.operator("GET", f"/v1/users/{ann}/tokens")

    path = f"/v1/users/{ann}/tokens/{token['token_id']}"
    await place.operator("DELETE", path, expect=204)

    status, problem = await place.ask(secret, "GET", "/v1/me")
    assert (status, problem["type"]) == (401, "urn:nearcast:problem:credential-unknown")
    await place.operator("DELETE", path, expect=404)


@pytest.mark.parametrize("change", [{"disabled": True}, {"roles": ["publisher"]}, None])
async def test_what_becomes_of_a_user_becomes_of_their_tokens(
    place: Town, change: dict[str, Any] | None
) -> None:
    ann, secret = await place.new_user("ann", "viewer")
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200

    if change is None:
        await place.operator("DELETE", f"/v1/users/{ann}", expect=204)
    else:
        await place.operator("PATCH", f"/v1/users/{ann}", change)

    assert (await place.ask(secret, "GET", "/v1/me"))[0] == (
        403 if change and "roles" in change else 401
    )


async def test_an_expired_token_is_refused_with_its_time(place: Town) -> None:
    ann, _ = await place.new_user("ann")
    secret = (await place.new_token(ann, expires_at=1000.0))["secret"]

    status, problem = await place.ask(secret, "GET", "/v1/me")

    assert status == 401
    assert "expired at 1970-01-01 00:16:40 UTC" in problem["detail"]


async def test_a_user_makes_tokens_that_reach_no_further(place: Town) -> None:
    ann, secret = await place.new_user("ann", "viewer", "publisher", "operator")
    end = int(time.time()) + 1000.0
    narrow = (await place.new_token(ann, "viewer", expires_at=end))["secret"]

    async def made(by: str, *roles: str, **more: Any) -> tuple[int, Any]:
        asked = {"name": "tv", "roles": roles, **more}
        return await place.ask(by, "POST", "/v1/me/tokens", asked)

    status, new = await made(narrow, "viewer")
    assert (status, new["token"]["expires_at"]) == (201, end)
    assert (await place.ask(new["secret"], "GET", "/v1/me"))[0] == 200
    assert (await made(narrow, "viewer", expires_at=end + 1))[0] == 403
    assert (await made(narrow, "publisher"))[0] == 403
    assert (await made(secret, "operator"))[0] == 403
    assert (await made(secret, "edge"))[0] == 403
    _, listed = await place.ask(narrow, "GET", "/v1/me/tokens")
    assert {token["name"] for token in listed} == {"phone", "tv"}
    path = f"/v1/me/tokens/{new['token']['token_id']}"
    assert (await place.ask(narrow, "DELETE", path))[0] == 204
    assert (await place.ask(new["secret"], "GET", "/v1/me"))[0] == 401


async def test_a_token_is_given_no_role_that_its_user_has_not(place: Town) -> None:
    ann, _ = await place.new_user("ann")
    asked = {"name": "x", "roles": ["operator"]}

    problem = await place.operator("POST", f"/v1/users/{ann}/tokens", asked, expect=409)

    assert "has not the role operator" in problem["detail"]


async def test_an_operators_account_opens_everything_and_an_edges_its_own(place: Town) -> None:
    _, boss = await place.new_user("boss", "operator")
    fleet, _ = await place.new_user("fleet", "edge")
    edge = (await place.new_token(fleet, "edge", name="eu-7"))["secret"]

    body = encode(heartbeat("eu-7"))
    headers = {"Authorization": f"Bearer {edge}"}
    for name, expected in (("eu-7", 200), ("eu-1", 403)):
        path = f"/v1/edges/{name}/heartbeat"
        status, answer, _ = await place.talk.call("POST", path, headers=headers, data=body)
        assert status == expected, answer

    status, edges = await place.ask(boss, "GET", "/v1/edges")
    assert status == 200
    assert [(one["edge_id"], one["reason"]) for one in edges] == [("eu-7", "")]
    assert (await place.ask(edge, "GET", "/v1/edges"))[0] == 403
    assert (await place.ask(edge, "GET", "/v1/me"))[0] == 403


FOR_OPERATORS = [
    ("POST", "/v1/users"),
    ("GET", "/v1/users"),
    ("GET", "/v1/users/{}"),
    ("PATCH", "/v1/users/{}"),
    ("DELETE", "/v1/users/{}"),
    ("POST", "/v1/users/{}/tokens"),
    ("GET", "/v1/users/{}/tokens"),
    ("DELETE", "/v1/users/{}/tokens/t"),
    ("POST", "/v1/tokens/introspect"),
]


async def test_nobody_but_operators_learns_who_there_is(place: Town) -> None:
    ann, secret = await place.new_user("ann", "viewer", "publisher")
    for method, path in FOR_OPERATORS:
        answers = [
            await place.ask(secret, method, path.format(user), {"name": "ann"})
            for user in (ann, "nobody")
        ]
        nameless, _, _ = await place.talk.call(method, path.format(ann), json={})

        assert answers[0] == answers[1], path
        assert answers[0][0] == 403
        assert nameless == 401


async def test_a_credential_of_the_settings_has_no_account(place: Town) -> None:
    for method, path in (
        ("GET", "/v1/me"),
        ("GET", "/v1/me/tokens"),
        ("POST", "/v1/channels"),
        ("PUT", "/v1/me/follows/a"),
    ):
        status, problem, _ = await place.talk.call(method, path, "publisher", json={"title": "x"})
        assert (status, problem["type"]) == (403, "urn:nearcast:problem:no-account")


async def test_a_publisher_has_channels_and_viewers_follow_them(place: Town) -> None:
    ann, studio = await place.new_user("ann", "publisher")
    _, viewer = await place.new_user("bob", "viewer")
    channel = await place.new_channel(studio, "Köche 🍜")
    path, follow = f"/v1/channels/{channel}", f"/v1/me/follows/{channel}"

    assert (await place.ask(studio, "GET", "/v1/me"))[1]["channels"] == [channel]
    for _ in range(2):
        assert (await place.ask(viewer, "PUT", follow))[0] == 204
    _, seen = await place.ask(viewer, "GET", path)
    assert (seen["title"], seen["followers"], seen["owner"]) == ("Köche 🍜", 1, None)
    assert (await place.ask(studio, "GET", path))[1]["owner"] == ann
    _, follows = await place.ask(viewer, "GET", "/v1/me/follows")
    assert [one["channel_id"] for one in follows["follows"]] == [channel]
    for _ in range(2):
        assert (await place.ask(viewer, "DELETE", follow))[0] == 204
    assert (await place.ask(viewer, "GET", path))[1]["followers"] == 0
    assert (await place.ask(viewer, "PUT", "/v1/me/follows/nothing"))[0] == 404


async def test_viewers_list_and_look_for_assets_and_see_no_copies(place: Town) -> None:
    _, studio = await place.new_user("ann", "publisher")
    _, viewer = await place.new_user("bob", "viewer")
    await place.talk.beat("eu-1")
    await place.talk.publish()
    await place.talk.until_placed(1)

    _, known = await place.ask(studio, "GET", "/v1/assets/a")
    assert known["copies"]
    shown = {**known, "copies": [], "state": "published"}
    assert await place.ask(viewer, "GET", "/v1/assets/a") == (200, shown)
    assert await place.ask(viewer, "GET", "/v1/assets") == (200, [shown])
    assert (await place.ask(viewer, "GET", "/v1/assets?q=nothing")) == (200, [])
    assert (await place.ask(viewer, "PATCH", "/v1/assets/a", {"title": "x"}))[0] == 403
    assert (await place.ask(viewer, "GET", "/v1/assets/a/versions"))[0] == 403


async def test_a_channel_is_its_owners_and_operators(place: Town) -> None:
    ann, studio = await place.new_user("ann", "publisher")
    bob, rival = await place.new_user("bob", "publisher")
    channel = await place.new_channel(studio)
    path = f"/v1/channels/{channel}"

    assert (await place.ask(rival, "PATCH", path, {"title": "Mine"}))[0] == 403
    assert (await place.ask(rival, "DELETE", path))[0] == 403
    assert (await place.ask(rival, "GET", f"/v1/channels?owner={ann}"))[0] == 403
    assert (await place.ask(studio, "PATCH", path, {"owner": bob}))[0] == 403
    named = {"title": "x", "channel_id": "publisher"}
    assert (await place.ask(studio, "POST", "/v1/channels", named))[0] == 403
    assert (await place.ask(studio, "PATCH", path, {"title": "Ours"}))[1]["title"] == "Ours"
    await place.operator("PATCH", path, {"owner": bob})
    assert (await place.ask(studio, "DELETE", path))[0] == 403
    assert (await place.ask(studio, "GET", "/v1/me"))[1]["channels"] == []
    assert (await place.ask(rival, "DELETE", path))[0] == 204
    assert (await place.ask(rival, "GET", path))[0] == 404


async def test_ingest_asks_whose_a_token_is(place: Town) -> None:
    ann, studio = await place.new_user("ann", "publisher")
    channel = await place.new_channel(studio)
    expired = (await place.new_token(ann, "publisher", expires_at=1000.0))["secret"]

    async def told(secret: str) -> Any:
        asked = {"token_sha256": hashlib.sha256(secret.encode()).hexdigest()}
        return (await place.talk.call("POST", "/v1/tokens/introspect", "ingest", json=asked))[1]

    assert await told(studio) == {
        "active": True,
        "sub": ann,
        "username": "ann",
        "exp": None,
        "roles": ["publisher"],
        "channels": [channel],
    }
    for secret in (expired, INVENTED, TOKENS["operator"], ""):
        assert (await told(secret))["active"] is False


HOSTILE = [
    b"",
    b"[]",
    b'{"name": "ann"',
    b'{"name": "ann", "roles": []}',
    b'{"name": "ann", "roles": ["king"]}',
    b'{"name": "ann", "roles": ["ingest"]}',
    b'{"name": "ann", "admin": true}',
    b'{"name": "Ann"}',
    b'{"name": ""}',
    b'{"name": "' + b"a" * 65 + b'"}',
    b'{"name": "a\\u0000"}',
    b'{"name": "ann\\n"}',
    b'{"name": "\xff"}',
    b'{"name": {"$gt": ""}}',
    b"[" * 20_000,
]


async def test_a_body_that_is_no_user_is_told_why(place: Town) -> None:
    headers = {"Content-Type": "application/json"}
    for body in HOSTILE:
        status, problem, _ = await place.talk.call(
            "POST", "/v1/users", "operator", data=body, headers=headers
        )
        assert status == 422, body[:99]
        assert problem["detail"]

    assert (await place.operator("GET", "/v1/users"))["users"] == []


async def test_what_is_too_large_or_no_json_is_refused(place: Town) -> None:
    _, studio = await place.new_user("ann", "publisher")
    for title in ("", "x" * 257, "a\nb", "a\u202eb", "a\x00"):
        assert (await place.ask(studio, "POST", "/v1/channels", {"title": title}))[0] == 422
    large = {"title": "x", "description": "x" * 40_000}
    assert (await place.ask(studio, "POST", "/v1/channels", large))[0] == 413
    status, _, _ = await place.talk.call(
        "POST",
        "/v1/users",
        "operator",
        data=b'{"name": "ann"}',
        headers={"Content-Type": "text/plain"},
    )
    assert status == 415
    end = {"name": "x", "roles": ["viewer"], "expires_at": 1e300}
    assert (await place.ask(studio, "POST", "/v1/me/tokens", end))[0] == 422


async def test_players_wait_for_no_lookup_and_unknown_tokens_are_unknown(place: Town) -> None:
    await place.talk.publish()
    for secret in (INVENTED, "x", "nca_", "\u00fc" * 47):
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await place.talk.call("GET", "/play/none", headers=headers))[0] == 404
        assert (await place.talk.call("GET", "/v1/assets", headers=headers))[0] == 401
        assert (await place.talk.call("GET", "/readyz", headers=headers))[0] == 200


async def test_without_accounts_there_are_none(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        _, secret = await place.new_user("ann", "operator")
    from tests.integration.control_service import control_plane, control_settings

    async with control_plane(control_settings(tmp_path, geoip=())) as talk:
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await talk.call("GET", "/v1/assets", headers=headers))[0] == 401
        assert (await talk.call("GET", "/v1/users", "operator"))[0] == 404


async def test_accounts_outlive_the_control_plane(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        _, secret = await place.new_user("ann")
    async with town(tmp_path) as place:
        assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200


async def test_a_flood_of_invented_tokens_leaves_room_for_real_ones(place: Town) -> None:
    _, secret = await place.new_user("ann")
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200
    flood = [place.ask(f"nca_{number:043}", "GET", "/v1/me") for number in range(500)]

    *answers, (status, _) = await asyncio.gather(*flood, place.ask(secret, "GET", "/v1/me"))

    assert status == 200
    assert {status for status, _ in answers} <= {401, 503}


async def test_the_feed_is_of_the_channels_that_an_account_follows_and_edits_of_its_own(
    place: Town,
) -> None:
    _, studio = await place.new_user("ann", "publisher")
    _, viewer = await place.new_user("bob", "viewer")
    channel = await place.new_channel(studio)
    await place.talk.beat("eu-1")
    await place.talk.publish("theirs", creator=channel)
    await place.talk.publish("others", creator="somebody")

    async def feed(secret: str) -> tuple[int, list[str]]:
        status, body = await place.ask(secret, "GET", "/v1/feed")
        return status, [entry["asset_id"] for entry in body.get("entries", [])]

    assert await feed(viewer) == (200, ["others", "theirs"])
    await place.ask(viewer, "PUT", f"/v1/me/follows/{channel}")
    assert (await feed(viewer))[1][0] == "theirs"
    assert (await feed(INVENTED))[0] == 401
    for asset, status in (("theirs", 200), ("others", 403)):
        path = f"/v1/assets/{asset}"
        assert (await place.ask(studio, "PATCH", path, {"title": "New"}))[0] == status
        assert (await place.ask(viewer, "PATCH", path, {"title": "New"}))[0] == 403
