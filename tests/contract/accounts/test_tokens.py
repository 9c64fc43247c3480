"""What accounts promise about tokens, on every database."""

import asyncio
import math

import pytest

from common.messages import AccountRole, TokenRequest, UserChange
from common.service import Role
from common.service.credentials import digest_of_token
from control_plane.accounts import (
    Accounts,
    AccountsSettings,
    TokenUnknown,
    TooManyTokens,
    UserUnknown,
)
from control_plane.accounts import accounts as limits
from tests.contract.accounts.service import PUBLISHER, VIEWER, asked, new_channel, new_user
from tests.unit.control_plane.clock import Clock


async def test_a_token_opens_what_it_was_made_for_as_far_as_its_user_may(
    accounts: Accounts,
) -> None:
    ann = await new_user(accounts)
    new = await accounts.add_token(ann, TokenRequest("studio", (PUBLISHER, VIEWER), 2000.0))
    channel = await new_channel(accounts, owner=ann)

    found = await accounts.find(digest_of_token(new.secret))

    assert found is not None
    assert (found.name, found.user_id) == ("ann", ann)
    assert found.roles == {Role.PUBLISHER, Role.VIEWER}
    assert found.channels == {channel}
    assert found.expires_at is not None
    assert found.expires_at.timestamp() == 2000.0
    await accounts.change_user(ann, UserChange(roles=(VIEWER,)))
    found = await accounts.find(digest_of_token(new.secret))
    assert found is not None
    assert found.roles == {Role.VIEWER}
    assert not found.channels


async def test_an_edges_token_has_the_name_of_the_edge(accounts: Accounts) -> None:
    fleet = await new_user(accounts, "fleet", AccountRole.EDGE)
    new = await accounts.add_token(fleet, TokenRequest("eu-1", (AccountRole.EDGE,)))

    found = await accounts.find(digest_of_token(new.secret))

    assert found is not None
    assert found.name == "eu-1"
    assert found.roles == {Role.EDGE}


async def test_edges_tokens_are_valid_as_long_as_one_of_that_name_is(accounts: Accounts) -> None:
    fleet = await new_user(accounts, "fleet", AccountRole.EDGE, VIEWER)
    edge, until = (AccountRole.EDGE,), accounts.edges.valid_until
    await accounts.add_token(fleet, TokenRequest("eu-1", edge, 2000.0))
    await accounts.add_token(fleet, TokenRequest("eu-2", (VIEWER,)))
    new = await accounts.add_token(fleet, TokenRequest("eu-3", edge))
    await accounts.add_token(fleet, TokenRequest("eu-3", edge, 2000.0))

    names = ("eu-1", "eu-2", "eu-3", "eu-4")
    assert [until(name) for name in names] == [math.inf] * 4
    await accounts.tidy()
    assert [until(name) for name in names] == [2000.0, None, math.inf, None]
    await accounts.revoke(fleet, new.token.token_id)
    await accounts.tidy()
    assert until("eu-3") == 2000.0
    await accounts.change_user(fleet, UserChange(disabled=True))
    await accounts.tidy()
    assert [until(name) for name in names] == [None] * 4


async def test_tokens_that_are_none_or_of_nobody_open_nothing(accounts: Accounts) -> None:
    ann = await new_user(accounts)
    new = await accounts.add_token(ann, TokenRequest("phone", (VIEWER,)))
    digest = digest_of_token(new.secret)

    assert await accounts.find(digest_of_token("nca_" + "x" * 43)) is None
    await accounts.change_user(ann, UserChange(disabled=True))
    assert await accounts.find(digest) is None
    await accounts.change_user(ann, UserChange(disabled=False))
    assert await accounts.find(digest) is not None
    await accounts.revoke(ann, new.token.token_id)
    assert await accounts.find(digest) is None
    with pytest.raises(TokenUnknown):
        await accounts.revoke(ann, new.token.token_id)


async def test_nobody_revokes_the_token_of_another(accounts: Accounts) -> None:
    ann, bob = await new_user(accounts), await new_user(accounts, "bob")
    new = await accounts.add_token(ann, TokenRequest("phone", (VIEWER,)))

    with pytest.raises(TokenUnknown):
        await accounts.revoke(bob, new.token.token_id)
    assert [token.token_id for token in await accounts.people.tokens(ann)] == [new.token.token_id]


async def test_the_database_has_no_secret(
    accounts: Accounts, settings: AccountsSettings, request: pytest.FixtureRequest
) -> None:
    ann = await new_user(accounts)
    new = await accounts.add_token(ann, TokenRequest("phone", (VIEWER,)))
    await accounts.close()

    if settings.sqlite is not None:
        files = [path.read_bytes() for path in settings.sqlite.parent.iterdir()]
        assert any(new.token.token_id.encode() in file for file in files)
        assert not any(new.secret[4:].encode() in file for file in files)
    else:
        server = request.getfixturevalue("server")
        (row,) = asked(server, "SELECT * FROM tokens")
        assert new.secret[4:] not in repr(row)
        assert digest_of_token(new.secret).hex() in row


async def test_a_user_has_so_many_tokens_and_those_that_are_over_make_room(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_TOKENS", 2)
    ann = await new_user(accounts)
    await accounts.add_token(ann, TokenRequest("old", (VIEWER,), 999.0))
    made = await asyncio.gather(
        *(accounts.add_token(ann, TokenRequest(f"t{n}", (VIEWER,))) for n in range(5)),
        return_exceptions=True,
    )

    assert [type(one) for one in made].count(TooManyTokens) == 3
    assert len(await accounts.people.tokens(ann)) == 2
    with pytest.raises(UserUnknown):
        await accounts.add_token("nobody", TokenRequest("t", (VIEWER,)))
    with pytest.raises(UserUnknown):
        await accounts.people.tokens("nobody")


async def test_the_day_of_the_last_use_is_noted(accounts: Accounts) -> None:
    ann = await new_user(accounts)
    new = await accounts.add_token(ann, TokenRequest("phone", (VIEWER,)))
    await accounts.add_token(ann, TokenRequest("unused", (VIEWER,)))

    Clock.time, before = 86_400 * 3 + 7.0, Clock.time
    try:
        await accounts.find(digest_of_token(new.secret))
        await accounts.tidy()
    finally:
        Clock.time = before

    used = {token.name: token.last_used for token in await accounts.people.tokens(ann)}
    assert used == {"phone": 86_400 * 3.0, "unused": None}
