"""What accounts promise about channels and follows, on every database."""

import asyncio

import msgspec
import pytest

from common.messages import ChannelChange, ChannelRequest
from control_plane.accounts import (
    Accounts,
    ChannelTaken,
    ChannelUnknown,
    OwnerUnknown,
    TooManyChannels,
    TooManyFollows,
    UserUnknown,
)
from control_plane.accounts import accounts as limits
from tests.contract.accounts.service import followers, new_channel, new_user
from tests.unit.control_plane.clock import Clock


async def test_a_channel_is_read_as_it_was_made_and_changed(accounts: Accounts) -> None:
    ann, bob = await new_user(accounts), await new_user(accounts, "bob")
    asked = ChannelRequest("Cooking 🍜", "Soups,\nmostly ü")
    made = await accounts.add_channel(asked, owner=ann, channel_id=None)

    assert await accounts.channels.channel(made.channel_id) == made
    changed = await accounts.change_channel(made, ChannelChange("Baking", owner=bob))
    assert changed == msgspec.structs.replace(made, title="Baking", owner=bob)
    assert await accounts.channels.page("", 9, owner=ann) == []
    assert await accounts.channels.page("", 9, owner=bob) == [changed]
    assert await accounts.change_channel(changed, ChannelChange()) == changed
    with pytest.raises(OwnerUnknown):
        await accounts.change_channel(changed, ChannelChange(owner="nobody"))
    with pytest.raises(OwnerUnknown):
        await new_channel(accounts, owner="nobody")


async def test_identifiers_of_channels_differ_in_every_letter(accounts: Accounts) -> None:
    for name in ("a", "B", "b"):
        await new_channel(accounts, name)

    with pytest.raises(ChannelTaken, match="'b'"):
        await new_channel(accounts, "b")
    with pytest.raises(ChannelUnknown):
        await accounts.channels.channel("A")
    assert [one.channel_id for one in await accounts.channels.page("", 2)] == ["B", "a"]
    assert [one.channel_id for one in await accounts.channels.page("a", 2)] == ["b"]


async def test_a_user_has_so_many_channels(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_CHANNELS", 2)
    ann = await new_user(accounts)
    made = await asyncio.gather(
        *(new_channel(accounts, owner=ann) for _ in range(5)), return_exceptions=True
    )

    assert [type(one) for one in made].count(TooManyChannels) == 3
    free = await accounts.channels.channel(await new_channel(accounts))
    with pytest.raises(TooManyChannels):
        await accounts.change_channel(free, ChannelChange(owner=ann))


async def test_follows_at_once_count_once(accounts: Accounts, other: Accounts) -> None:
    users = [await new_user(accounts, name) for name in ("ann", "bob", "eve")]
    channel = await new_channel(accounts, "news")

    both = (accounts, other)
    await asyncio.gather(
        *(one.follow(user, channel) for one in both for user in users for _ in range(3))
    )
    assert await followers(accounts, channel) == 3
    assert await other.channels_followed_by(users[0]) == ("news",)
    await asyncio.gather(*(one.unfollow(users[0], channel) for one in both for _ in range(3)))
    assert await followers(accounts, channel) == 2


async def test_what_a_user_follows_is_in_order_and_paged(accounts: Accounts) -> None:
    ann = await new_user(accounts)
    for name in ("c", "a", "b"):
        await new_channel(accounts, name)
        await accounts.follow(ann, name)

    assert await accounts.channels_followed_by(ann) == ("a", "b", "c")
    page = await accounts.channels.follows(ann, "", 2)
    assert [(one.channel_id, one.at) for one in page] == [("a", 1000.0), ("b", 1000.0)]
    assert [one.channel_id for one in await accounts.channels.follows(ann, "b", 2)] == ["c"]


async def test_own_changes_are_seen_at_once_and_others_after_seconds(
    accounts: Accounts, other: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, channel = await new_user(accounts), await new_channel(accounts, "news")
    assert await accounts.channels_followed_by(ann) == ()
    assert await other.channels_followed_by(ann) == ()

    await accounts.follow(ann, channel)

    assert await accounts.channels_followed_by(ann) == ("news",)
    assert await other.channels_followed_by(ann) == ()
    monkeypatch.setattr(Clock, "time", 1006.0)
    assert await other.channels_followed_by(ann) == ("news",)


async def test_only_what_is_there_is_followed_and_no_more_than_so_many(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_FOLLOWS", 2)
    ann = await new_user(accounts)
    for name in ("a", "b", "c"):
        await new_channel(accounts, name)

    with pytest.raises(ChannelUnknown):
        await accounts.follow(ann, "nothing")
    with pytest.raises(UserUnknown):
        await accounts.follow("nobody", "a")
    done = await asyncio.gather(
        *(accounts.follow(ann, name) for name in ("a", "b", "c")), return_exceptions=True
    )
    assert [type(one) for one in done if one is not None] == [TooManyFollows]
    followed = await accounts.channels_followed_by(ann)
    await accounts.follow(ann, followed[0])
    await accounts.unfollow(ann, "nothing")
    assert await accounts.channels_followed_by(ann) == followed


async def test_a_deleted_channel_is_followed_by_nobody(accounts: Accounts) -> None:
    ann = await new_user(accounts)
    channel = await accounts.channels.channel(await new_channel(accounts, "news", owner=ann))
    await accounts.follow(ann, "news")

    await accounts.delete_channel(channel)
    await accounts.tidy()

    assert await accounts.channels_followed_by(ann) == ()
    with pytest.raises(ChannelUnknown):
        await accounts.channels.channel("news")
    with pytest.raises(ChannelUnknown):
        await accounts.delete_channel(channel)
