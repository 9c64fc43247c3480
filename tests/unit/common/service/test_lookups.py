"""Tokens that the settings do not have: remembered for seconds, and looked up a few at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import hdrs, web
from aiohttp.test_utils import make_mocked_request

from common.errors import CredentialUnknown, NearcastError, Unavailable
from common.service import Credential, CredentialSettings, Gatekeeper, Role
from common.service.credentials import digest_of_token
from common.service.lookups import (
    ACCOUNT_MARK,
    AT_ONCE,
    KNOWN_FOR,
    MOST_WAITING,
    UNKNOWN_FOR,
    Identifying,
    LookupsBusy,
    TokenLookups,
)
from tests.unit.control_plane.clock import Clock

ANN = Credential("ann", frozenset({Role.VIEWER}), user_id="u-ann")
SECRET = ACCOUNT_MARK + "s" * 43
DIGEST = digest_of_token(SECRET)


class Registry:
    """Knows whose tokens are whose, and can be slow, away or changed."""

    def __init__(self) -> None:
        self.known = {DIGEST: ANN}
        self.asked: list[bytes] = []
        self.failure: NearcastError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.at_once = self.most_at_once = 0

    async def find(self, digest: bytes) -> Credential | None:
        self.asked.append(digest)
        found = self.known.get(digest)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.open.wait()
        finally:
            self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
async def lookups(registry: Registry, clock: Clock) -> AsyncIterator[TokenLookups]:
    made = TokenLookups(registry.find, clock)
    yield made
    await made.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0)


async def test_a_known_token_is_looked_up_again_after_seconds(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    assert [await lookups.whose(DIGEST) for _ in range(3)] == [ANN] * 3
    clock.time += KNOWN_FOR - 0.1
    assert await lookups.whose(DIGEST) == ANN
    assert len(registry.asked) == 1
    clock.time += 0.1
    registry.known.clear()
    assert await lookups.whose(DIGEST) is None
    assert len(registry.asked) == 2


async def test_a_token_that_is_none_is_remembered_as_such_for_seconds(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    registry.known.clear()
    assert [await lookups.whose(DIGEST) for _ in range(3)] == [None] * 3
    assert len(registry.asked) == 1
    clock.time += UNKNOWN_FOR
    registry.known[DIGEST] = ANN
    assert await lookups.whose(DIGEST) == ANN


async def test_of_an_away_registry_what_is_known_goes_on_and_nothing_is_remembered(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    await lookups.whose(DIGEST)
    registry.failure = Unavailable(what="it", reason="away")
    clock.time += KNOWN_FOR - 1
    assert await lookups.whose(DIGEST) == ANN
    clock.time += 1
    for _ in range(2):
        with pytest.raises(Unavailable):
            await lookups.whose(DIGEST)
    registry.failure = None
    assert await lookups.whose(DIGEST) == ANN


async def test_those_who_ask_at_once_share_a_lookup(
    lookups: TokenLookups, registry: Registry
) -> None:
    registry.open.clear()
    asking = [asyncio.ensure_future(lookups.whose(DIGEST)) for _ in range(50)]
    await until(lambda: registry.at_once == 1)
    asking[0].cancel()
    registry.open.set()

    assert await asyncio.gather(*asking[1:]) == [ANN] * 49
    assert len(registry.asked) == 1


async def test_invented_tokens_are_looked_up_a_few_at_a_time_and_hold_nobody_up_who_is_known(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    await lookups.whose(DIGEST)
    clock.time += KNOWN_FOR
    registry.open.clear()
    flood = [
        asyncio.ensure_future(lookups.whose(digest_of_token(str(number))))
        for number in range(MOST_WAITING + 100)
    ]
    await until(lambda: sum(one.done() for one in flood) == 100)
    known = asyncio.ensure_future(lookups.whose(DIGEST))
    await until(lambda: registry.at_once == AT_ONCE + 1)
    registry.open.set()

    assert await known == ANN
    answers = await asyncio.gather(*flood, return_exceptions=True)
    assert answers.count(None) == MOST_WAITING
    assert {type(one) for one in answers} == {type(None), LookupsBusy}
    assert registry.most_at_once == AT_ONCE + 1


async def test_no_lookup_that_began_before_a_change_is_remembered_after_it(
    lookups: TokenLookups, registry: Registry
) -> None:
    registry.open.clear()
    asking = asyncio.ensure_future(lookups.whose(DIGEST))
    await until(lambda: registry.at_once == 1)
    lookups.forget("u-ann")
    registry.known.clear()
    registry.open.set()
    await asking

    assert await lookups.whose(DIGEST) is None


async def test_a_change_of_another_user_changes_nothing(
    lookups: TokenLookups, registry: Registry
) -> None:
    await lookups.whose(DIGEST)
    lookups.forget("u-bob")
    await lookups.whose(DIGEST)
    assert len(registry.asked) == 1
    lookups.forget("u-ann")
    await lookups.whose(DIGEST)
    assert len(registry.asked) == 2


async def test_no_more_is_remembered_than_so_much(
    lookups: TokenLookups, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.service.lookups.MOST_KNOWN", 2)
    monkeypatch.setattr("common.service.lookups.MOST_UNKNOWN", 2)
    others = [digest_of_token(str(number)) for number in range(5)]
    registry.known |= dict.fromkeys(others[:3], ANN)
    for digest in (*others, DIGEST):
        await lookups.whose(digest)

    assert len(lookups._known) == len(lookups._unknown) == 2
    await lookups.whose(DIGEST)
    assert len(registry.asked) == 6


STATIC = CredentialSettings(name="ops", token=ACCOUNT_MARK + "o" * 43, roles=(Role.OPERATOR,))


async def identified(
    lookups: TokenLookups, path: str, authorization: str, clock: Clock
) -> Credential | None:
    """Who asks, as a handler behind the middleware is told."""
    gatekeeper = Gatekeeper([STATIC], clock)
    found: list[Credential | None] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        found.append(gatekeeper.identify(request))
        return web.Response()

    fields = {hdrs.AUTHORIZATION: authorization} if authorization else {}
    middleware = Identifying(gatekeeper, lookups).middleware()
    await middleware(make_mocked_request("GET", path, headers=fields), handler)
    return found[0]


async def test_handlers_are_told_who_asks(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    assert await identified(lookups, "/v1/me", f"Bearer {SECRET}", clock) == ANN
    operator = await identified(lookups, "/v1/me", f"Bearer {STATIC.token}", clock)
    assert operator is not None
    assert (operator.name, operator.user_id) == ("ops", None)
    assert await identified(lookups, "/v1/me", "", clock) is None
    assert registry.asked == [DIGEST]


@pytest.mark.parametrize(
    ("path", "authorization"),
    [
        ("/play/a", f"Bearer {SECRET}"),
        ("/steer/a", f"Bearer {SECRET}"),
        ("/readyz", f"Bearer {SECRET}"),
        ("/v1/me", f"Bearer {SECRET}x"),
        ("/v1/me", f"Bearer {SECRET[:-1]}"),
        ("/v1/me", "Bearer " + "x" * 47),
        ("/v1/me", "Bearer"),
        ("/v1/me", f"Digest {SECRET}"),
        ("/v1/me", f"Basic {SECRET}"),
        ("/v1/me", "Bearer ü"),
    ],
)
async def test_nothing_is_looked_up_for_nothing(
    lookups: TokenLookups, registry: Registry, clock: Clock, path: str, authorization: str
) -> None:
    with pytest.raises(CredentialUnknown):
        await identified(lookups, path, authorization, clock)
    assert registry.asked == []


async def test_only_who_needs_to_know_is_told_that_it_cannot_be_found_out(
    lookups: TokenLookups, registry: Registry, clock: Clock
) -> None:
    registry.failure = Unavailable(what="it", reason="away")
    with pytest.raises(Unavailable):
        await identified(lookups, "/v1/me", f"Bearer {SECRET}", clock)

    async def anybody(_: web.Request) -> web.StreamResponse:
        return web.Response(status=204)

    request = make_mocked_request("GET", "/v1/x", headers={"Authorization": f"Bearer {SECRET}"})
    middleware = Identifying(Gatekeeper([], clock), lookups).middleware()
    response = await middleware(request, anybody)
    assert response.status == 204
