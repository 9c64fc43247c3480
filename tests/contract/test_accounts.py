"""What accounts promise on SQLite and on a real MariaDB."""

import asyncio
import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pymysql
import pytest
from sqlalchemy import Column, Connection, MetaData, String, Table, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import SettingsInvalid, Unavailable
from common.messages import (
    AccountRole,
    ChannelChange,
    ChannelRequest,
    TokenRequest,
    UserChange,
    UserRequest,
)
from common.service import Role
from common.service.credentials import digest_of_token
from control_plane.accounts import (
    Accounts,
    AccountsSettings,
    ChannelTaken,
    ChannelUnknown,
    TokenUnknown,
    TooManyChannels,
    TooManyFollows,
    TooManyTokens,
    UserNameTaken,
    UserUnknown,
    open_accounts,
    people,
    schema,
)
from control_plane.accounts import accounts as limits
from control_plane.accounts.database import Database
from tests.servers.databases import Server, mariadb
from tests.unit.control_plane.clock import Clock

VIEWER, PUBLISHER = AccountRole.VIEWER, AccountRole.PUBLISHER


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


def asked(server: Server, statement: str) -> list[tuple[object, ...]]:
    """What the server answers its owner."""
    url = make_url(server.url)
    socket = pymysql.connect(
        host=url.host,
        port=url.port or 0,
        user="nearcast",
        password="secret",
        database="nearcast",
        autocommit=True,
    )
    with socket, socket.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.fixture(params=["sqlite", "mariadb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AccountsSettings:
    if request.param == "sqlite":
        return AccountsSettings(sqlite=tmp_path / "data" / "accounts.sqlite")
    server = request.getfixturevalue("server")
    for (table,) in asked(server, "SHOW TABLES"):
        if table != "schema_version":
            asked(server, f"DELETE FROM {table}")
    return AccountsSettings(mysql=server.url)


@pytest.fixture
def without_tables(settings: AccountsSettings, request: pytest.FixtureRequest) -> AccountsSettings:
    if settings.mysql is not None:
        server = request.getfixturevalue("server")
        for (table,) in asked(server, "SHOW TABLES"):
            asked(server, f"DROP TABLE {table}")
    return settings


@pytest.fixture
async def accounts(settings: AccountsSettings) -> AsyncIterator[Accounts]:
    opened = await open_accounts(settings, Clock())
    yield opened
    await opened.close()


@pytest.fixture
async def other(settings: AccountsSettings, accounts: Accounts) -> AsyncIterator[Accounts]:
    """Those of a second control plane."""
    opened = await open_accounts(settings, Clock())
    yield opened
    await opened.close()


async def new_user(accounts: Accounts, name: str = "ann", *roles: AccountRole) -> str:
    return (await accounts.add_user(UserRequest(name, roles or (VIEWER, PUBLISHER)))).user_id


async def new_channel(accounts: Accounts, channel_id: str | None = None, owner: str = "") -> str:
    asked = ChannelRequest("Cooking 🍜")
    channel = await accounts.add_channel(asked, owner=owner or None, channel_id=channel_id)
    return channel.channel_id


async def followers(accounts: Accounts, channel_id: str) -> int:
    return (await accounts.channels.channel(channel_id)).followers


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
    with pytest.raises(UserUnknown):
        await accounts.change_channel(changed, ChannelChange(owner="nobody"))
    with pytest.raises(UserUnknown):
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


async def test_tables_are_made_once_by_many_at_once(without_tables: AccountsSettings) -> None:
    settings = without_tables
    opened = await asyncio.gather(*(open_accounts(settings, Clock()) for _ in range(4)))
    try:
        async with asyncio.timeout(30):
            for number, one in enumerate(opened):
                while one.away():
                    await one._database.prepare()
                await new_user(one, f"user-{number}")
    finally:
        for one in opened:
            await one.close()


async def test_an_older_database_gets_what_came_later(without_tables: AccountsSettings) -> None:
    settings = without_tables
    old = await open_accounts(settings, Clock())
    ann = await new_user(old)
    await old.close()

    later = Table("users", MetaData(), Column("avatar", String(64)))

    def add_avatar(connection: Connection) -> None:
        schema.add_column(connection, later, "avatar")

    database = await Database.open(settings)
    cut_off, whole = (*schema.STEPS, add_avatar), (*schema.STEPS, add_avatar, add_avatar)
    for steps in (cut_off, cut_off, whole):
        await database.prepare(steps)

    async def read(connection: AsyncConnection) -> tuple[object, ...]:
        versions = await connection.scalars(select(schema.versions.c.version))
        avatars = await connection.scalars(select(later.c.avatar))
        return tuple(versions), tuple(avatars)

    assert await database.read(read) == ((1, 2, 3), (None,))
    await database.close()
    # One of the older release goes on beside it.
    old = await open_accounts(settings, Clock())
    assert (await old.people.user(ann)).name == "ann"
    assert await new_user(old, "bob")
    await old.close()


WRITER = """
import asyncio, sys
from pathlib import Path
from common.clock import SystemClock
from common.messages import UserRequest
from control_plane.accounts import AccountsSettings, open_accounts

async def main(sqlite):
    accounts = await open_accounts(AccountsSettings(sqlite=Path(sqlite)), SystemClock())
    number = 0
    while True:
        print((await accounts.add_user(UserRequest(f"u{number}"))).user_id, flush=True)
        number += 1

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_control_plane_that_is_killed_loses_nobody_whom_it_answered(
    tmp_path: Path,
) -> None:
    settings = AccountsSettings(sqlite=tmp_path / "accounts.sqlite")
    accounts = await open_accounts(settings, Clock())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(settings.sqlite)),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    told = [await process.stdout.readline() for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    told += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()

    for line in told:
        if line.endswith(b"\n"):
            await accounts.people.user(line.decode().strip())
    await accounts.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    path.write_bytes(b"not a database at all" * 100)

    accounts = await open_accounts(AccountsSettings(sqlite=path), Clock())

    assert "not a database" in accounts.away()["accounts"]
    with pytest.raises(Unavailable, match=r"accounts\.sqlite"):
        await accounts.people.page("", 1)
    await accounts.close()


async def test_a_file_that_another_one_writes_to_for_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    accounts = await open_accounts(AccountsSettings(sqlite=path), Clock())
    with sqlite3.connect(path, isolation_level=None) as busy:
        busy.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"accounts\.sqlite"):
            await new_user(accounts)
        assert await accounts.people.page("", 1) == []
        busy.execute("ROLLBACK")
    busy.close()
    assert await new_user(accounts)
    await accounts.close()


@pytest.mark.parametrize(
    ("sqlite", "mysql"),
    [
        (None, None),
        (Path("a"), "mysql://db/nearcast"),
        (None, "mysql://"),
        (None, "mysql://db:x/y"),
    ],
)
async def test_settings_name_one_database(sqlite: Path | None, mysql: str | None) -> None:
    with pytest.raises(SettingsInvalid):
        await open_accounts(AccountsSettings(sqlite=sqlite, mysql=mysql), Clock())


async def test_a_server_that_hangs_is_told_within_seconds_and_then_asked_again(
    server: Server,
) -> None:
    accounts = await open_accounts(AccountsSettings(mysql=server.url), Clock())
    try:
        eve = await new_user(accounts, "eve")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            told = await asyncio.gather(
                *(accounts.people.user(eve) for _ in range(20)),
                *(new_user(accounts, f"user-{n}") for n in range(20)),
                return_exceptions=True,
            )
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert {type(one) for one in told} == {Unavailable}
        assert accounts.away()
        assert (await accounts.people.user(eve)).name == "eve"
        assert not accounts.away()
    finally:
        await accounts.close()


async def test_who_goes_away_leaves_the_connection_to_others(settings: AccountsSettings) -> None:
    one = msgspec.structs.replace(settings, connections=1)
    accounts = await open_accounts(one, Clock())
    try:
        for number in range(20):
            asking = asyncio.create_task(new_user(accounts, f"user-{number}"))
            await asyncio.sleep(0)
            await asyncio.wait({asking}, timeout=number / 4000)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert await new_user(accounts)
    finally:
        await accounts.close()
