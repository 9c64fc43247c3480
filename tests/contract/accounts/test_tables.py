"""How tables come about and change, on every database."""

import asyncio

from sqlalchemy import Column, Connection, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from control_plane.accounts import AccountsSettings, open_accounts, schema
from control_plane.accounts.database import Database
from tests.contract.accounts.service import new_user
from tests.unit.control_plane.clock import Clock


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
