"""Ingest asks the control plane whose a token is, whatever that answers; and for which channel."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, make_mocked_request

from common.errors import Unavailable
from common.service import Credential, Role
from ingest import introspection
from ingest.introspection import (
    ChannelForbidden,
    ChannelNotNamed,
    Introspection,
    NoChannel,
    act_as,
)

DIGEST = bytes(range(32))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ACTIVE = {
    "active": True,
    "sub": "u1",
    "username": "ann",
    "exp": 2000.5,
    "roles": ["publisher", "viewer"],
    "channels": ["c1", "c2"],
    "from_the_future": 1,
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer ingests"}) as opened:
        yield opened


async def asked(session: aiohttp.ClientSession, handler: Handler) -> Credential | None:
    """What is found out when the control plane answers like ``handler``."""
    application = web.Application()
    application.router.add_post("/base/v1/tokens/introspect", handler)
    async with TestServer(application) as server:
        return await Introspection(session, str(server.make_url("/base/"))).find(DIGEST)


async def test_an_account_is_what_the_control_plane_says(session: aiohttp.ClientSession) -> None:
    heard: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        heard.append((request.headers["Authorization"], await request.json()))
        return web.json_response(ACTIVE)

    found = await asked(session, answer)

    assert heard == [("Bearer ingests", {"token_sha256": DIGEST.hex()})]
    assert found is not None
    assert found.expires_at is not None
    assert (found.name, found.user_id, found.expires_at.timestamp()) == ("ann", "u1", 2000.5)
    assert found.roles == {Role.PUBLISHER, Role.VIEWER}
    assert found.channels == {"c1", "c2"}


@pytest.mark.parametrize(
    "answer",
    [web.json_response({"active": False}), web.Response(status=404)],
    ids=["inactive", "no accounts there"],
)
async def test_a_token_is_nobodys(session: aiohttp.ClientSession, answer: web.Response) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return answer

    assert await asked(session, handler) is None


def always(answer: Callable[[], web.Response]) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return answer()

    return handler


async def cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    "handler",
    [
        always(lambda: web.Response(status=503)),
        always(lambda: web.Response(status=401)),
        always(lambda: web.Response(status=307, headers={"Location": "/x"})),
        always(lambda: web.Response(body=b" " * 70_000)),
        always(lambda: web.Response(body=b"<html>")),
        always(lambda: web.json_response({"active": True, "roles": ["king"]})),
        always(lambda: web.json_response({"active": True, "exp": 1e300})),
        cut,
    ],
    ids=["503", "401", "redirect", "too much", "no JSON", "no role", "no time", "cut off"],
)
async def test_an_answer_that_is_none_opens_nothing(
    session: aiohttp.ClientSession, handler: Handler
) -> None:
    with pytest.raises(Unavailable, match="The control plane"):
        await asked(session, handler)


async def test_a_control_plane_that_does_not_answer_is_waited_for_no_longer_than_so(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(introspection, "ANSWER_WITHIN", 0.05)

    async def never(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        return response

    with pytest.raises(Unavailable):
        await asked(session, never)


PUBLISHER = Credential("ann", frozenset({Role.PUBLISHER}), None, "u1")
TWO = frozenset({"c1", "c2"})


def acting(credential: Credential, channel: str | None = None) -> str:
    fields = {"Nearcast-Channel": channel} if channel is not None else {}
    return act_as(make_mocked_request("PUT", "/v1/videos", headers=fields), credential).name


def having(channels: frozenset[str], *roles: Role) -> Credential:
    return Credential("ann", frozenset(roles or {Role.PUBLISHER}), None, "u1", channels)


def test_a_publisher_acts_for_a_channel_of_theirs() -> None:
    assert acting(having(frozenset({"c1"}))) == "c1"
    assert acting(having(TWO), "c2") == "c2"
    with pytest.raises(NoChannel):
        acting(PUBLISHER)
    with pytest.raises(ChannelNotNamed, match="2 channels"):
        acting(having(TWO))


@pytest.mark.parametrize("named", ["", "c3", "ann", "x" * 5000, "c1,c2", "C1"])
@pytest.mark.parametrize("roles", [(Role.PUBLISHER,), (Role.OPERATOR, Role.PUBLISHER)])
def test_nobody_acts_for_the_channel_of_another(named: str, roles: tuple[Role, ...]) -> None:
    with pytest.raises(ChannelForbidden) as told:
        acting(having(TWO, *roles), named)
    assert len(str(told.value)) < 200


def test_an_operator_acts_for_themselves_where_they_name_no_channel() -> None:
    assert acting(having(TWO, Role.OPERATOR)) == "ann"
    assert acting(having(frozenset(), Role.OPERATOR)) == "ann"


def test_who_does_not_publish_acts_for_no_channel() -> None:
    assert acting(having(frozenset(), Role.VIEWER), "c1") == "ann"
