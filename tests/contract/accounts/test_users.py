"""What accounts promise about users, on every database."""

import asyncio

import msgspec
import pytest

from common.messages import TokenRequest, UserChange, UserRequest
from common.service.credentials import digest_of_token
from control_plane.accounts import Accounts, UserNameTaken, UserUnknown, people
from tests.contract.accounts.service import PUBLISHER, VIEWER, followers, new_channel, new_user


async def test_a_user_is_read_as_it_was_made_and_changed(accounts: Accounts) -> None:
    made = await accounts.add_user(UserRequest("ann", (PUBLISHER, VIEWER)))

    assert (made.name, made.created_at, made.disabled) == ("ann", 1000.0, False)
    assert await accounts.people.user(made.user_id) == made
    changed = await accounts.change_user(
        made.user_id, UserChange(name="anna", roles=(VIEWER,), disabled=True)
    )
    assert changed == msgspec.structs.replace(made, name="anna", roles=(VIEWER,), disabled=True)
    assert await accounts.people.user(made.user_id) == changed
    assert await accounts.change_user(made.user_id, UserChange()) == changed


async def test_users_are_paged_by_their_names(accounts: Accounts) -> None:
    for name in ("bob", "ann", "b-b", "b_b"):
        await new_user(accounts, name)

    first = await accounts.people.page("", 3)
    assert [user.name for user in first] == ["ann", "b-b", "b_b"]
    assert [user.name for user in await accounts.people.page("b_b", 3)] == ["bob"]
    assert [user.name for user in await accounts.people.page("", 3, name="bob")] == ["bob"]
    assert await accounts.people.page("", 3, name="nobody") == []


async def test_a_name_is_one_users(accounts: Accounts, other: Accounts) -> None:
    made = await asyncio.gather(
        *(new_user(one, "ann") for one in (accounts, other) for _ in range(4)),
        return_exceptions=True,
    )

    assert sorted(type(one).__name__ for one in made) == ["UserNameTaken"] * 7 + ["str"]
    bob = await new_user(accounts, "bob")
    with pytest.raises(UserNameTaken, match="'ann'"):
        await accounts.change_user(bob, UserChange(name="ann"))
    assert (await accounts.people.user(bob)).name == "bob"


async def test_a_deleted_user_leaves_channels_alone(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "FORGOTTEN_AT_ONCE", 2)
    ann, bob = await new_user(accounts), await new_user(accounts, "bob")
    token = await accounts.add_token(ann, TokenRequest("phone", (VIEWER,)))
    for name in ("a", "b", "c", "d", "e"):
        await new_channel(accounts, name, owner=ann)
        await accounts.follow(ann, name)
    await accounts.follow(bob, "e")

    await accounts.delete_user(ann)

    assert await accounts.find(digest_of_token(token.secret)) is None
    assert [await followers(accounts, name) for name in ("a", "b", "c", "d", "e")] == [0] * 4 + [1]
    assert {one.owner for one in await accounts.channels.page("", 9)} == {None}
    for gone in (accounts.people.user(ann), accounts.delete_user(ann), accounts.follow(ann, "a")):
        with pytest.raises(UserUnknown):
            await gone
    assert await new_user(accounts) != ann


async def test_a_deletion_that_was_cut_off_is_finished_by_whoever_is_there(
    accounts: Accounts, other: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "FORGOTTEN_AT_ONCE", 1)
    ann = await new_user(accounts)
    for name in ("a", "b", "c"):
        await new_channel(accounts, name)
        await accounts.follow(ann, name)
    await accounts.people.begin_deletion(ann, 1000.0)
    await accounts.people.go_on_deleting(ann)
    await accounts.channels.begin_deletion("b", 1000.0)

    with pytest.raises(UserNameTaken):
        await new_user(accounts)
    await asyncio.gather(other.tidy(), accounts.tidy())

    assert [await followers(accounts, name) for name in ("a", "c")] == [0, 0]
    await new_user(accounts)
    await new_channel(accounts, "b")
