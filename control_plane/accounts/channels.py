"""Channels in the database, and who follows them.

The followers of a channel are counted along, under the lock of its row: two who follow at once are
two, and one who follows twice is one.
"""

from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from common.messages import FollowView
from control_plane.accounts.database import Database, Duplicate
from control_plane.accounts.errors import (
    ChannelTaken,
    ChannelUnknown,
    OwnerUnknown,
    TooManyChannels,
    TooManyFollows,
    UserUnknown,
)
from control_plane.accounts.people import locked
from control_plane.accounts.records import Channel
from control_plane.accounts.schema import channels, follows

FORGOTTEN_AT_ONCE: Final = 500
"""Followers of a deleted channel that go in one transaction."""


class Channels:
    """Channels and follows.

    Every method raises ``Unavailable`` when the database does not answer, and those that write
    ``StorageFull`` when it has no space left.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, channel: Channel, *, limit: int) -> None:
        """Keeps a new channel, whose owner may have ``limit``.

        Raises:
            ChannelTaken: there is one of that identifier, or one is being deleted.
            TooManyChannels: the owner has ``limit`` already.
            OwnerUnknown: there is no such owner.
        """
        values = {name: getattr(channel, name) for name in channel.__struct_fields__}

        async def work(connection: AsyncConnection) -> None:
            if channel.owner is not None:
                await _has_room(connection, channel.owner, limit)
            await connection.execute(insert(channels).values(values))

        try:
            await self._database.write(work)
        except Duplicate:
            raise ChannelTaken(channel_id=channel.channel_id) from None

    async def channel(self, channel_id: str) -> Channel:
        """The channel.

        Raises:
            ChannelUnknown: there is none, or no more.
        """

        async def work(connection: AsyncConnection) -> Channel:
            return _channel(await _row_of(connection, channel_id))

        return await self._database.read(work)

    async def page(self, after: str, limit: int, *, owner: str | None = None) -> list[Channel]:
        """At most ``limit`` channels with identifiers after ``after``, in order; with ``owner``,
        those of that user."""
        asked = select(channels).where(
            channels.c.channel_id > after, channels.c.deleted_at.is_(None)
        )
        if owner is not None:
            asked = asked.where(channels.c.owner == owner)

        async def work(connection: AsyncConnection) -> list[Channel]:
            found = await connection.execute(asked.order_by(channels.c.channel_id).limit(limit))
            return [_channel(row) for row in found]

        return await self._database.read(work)

    async def change(
        self,
        channel_id: str,
        *,
        title: str | None,
        description: str | None,
        owner: str | None,
        limit: int,
    ) -> Channel:
        """The channel after the changes; None is none.

        Raises:
            ChannelUnknown: there is no such channel.
            OwnerUnknown: there is no such owner.
            TooManyChannels: the new owner has ``limit`` already.
        """
        told = {"title": title, "description": description, "owner": owner}
        values = {column: value for column, value in told.items() if value is not None}

        async def work(connection: AsyncConnection) -> Channel:
            if owner is not None:
                await _has_room(connection, owner, limit, besides=channel_id)
            await _lock(connection, channel_id)
            if values:
                await connection.execute(
                    update(channels).where(channels.c.channel_id == channel_id).values(values)
                )
            return _channel(await _row_of(connection, channel_id))

        return await self._database.write(work)

    async def follow(self, user_id: str, channel_id: str, *, at: float, limit: int) -> None:
        """Has a user follow a channel, if they do not yet.

        Raises:
            UserUnknown: there is no such user.
            ChannelUnknown: there is no such channel.
            TooManyFollows: they follow ``limit`` others already.
        """
        theirs = follows.c.user_id == user_id

        async def work(connection: AsyncConnection) -> None:
            await locked(connection, user_id)
            await _lock(connection, channel_id)
            if await _count(connection, theirs, follows.c.channel_id == channel_id):
                return
            if await _count(connection, theirs) >= limit:
                raise TooManyFollows(limit=limit)
            values = {"user_id": user_id, "channel_id": channel_id, "at": at}
            await connection.execute(insert(follows).values(values))
            await _add_followers(connection, channel_id, 1)

        await self._database.write(work)

    async def unfollow(self, user_id: str, channel_id: str) -> None:
        """Has a user follow a channel no more, if they do, and if there is one."""
        named = (follows.c.user_id == user_id, follows.c.channel_id == channel_id)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                select(channels.c.channel_id)
                .where(channels.c.channel_id == channel_id)
                .with_for_update()
            )
            gone = (await connection.execute(delete(follows).where(*named))).rowcount
            await _add_followers(connection, channel_id, -gone)

        await self._database.write(work)

    async def follows(self, user_id: str, after: str, limit: int) -> list[FollowView]:
        """At most ``limit`` of what a user follows, after the channel ``after``, in order."""
        asked = (
            select(follows.c.channel_id, follows.c.at)
            .where(follows.c.user_id == user_id, follows.c.channel_id > after)
            .order_by(follows.c.channel_id)
            .limit(limit)
        )

        async def work(connection: AsyncConnection) -> list[FollowView]:
            return [FollowView(row.channel_id, row.at) for row in await connection.execute(asked)]

        return await self._database.read(work)

    async def followed_by(self, user_id: str) -> tuple[str, ...]:
        """All channels that a user follows, in the order of their identifiers."""
        # In one value: drivers in Python spend more on a thousand rows than databases do.
        asked = select(func.group_concat(follows.c.channel_id)).where(follows.c.user_id == user_id)

        async def work(connection: AsyncConnection) -> str | None:
            return await connection.scalar(asked)

        joined = await self._database.read(work)
        return tuple(sorted(joined.split(","))) if joined else ()

    async def begin_deletion(self, channel_id: str, at: float) -> None:
        """Has a channel be gone for everybody; its followers go with ``go_on_deleting``.

        Raises:
            ChannelUnknown: there is no such channel.
        """

        async def work(connection: AsyncConnection) -> None:
            await _lock(connection, channel_id)
            await connection.execute(
                update(channels)
                .where(channels.c.channel_id == channel_id)
                .values(deleted_at=at, owner=None)
            )

        await self._database.write(work)

    async def deleted(self) -> str | None:
        """A channel that is being deleted; None when there is none."""
        asked = select(channels.c.channel_id).where(channels.c.deleted_at.is_not(None)).limit(1)

        async def work(connection: AsyncConnection) -> str | None:
            return await connection.scalar(asked)

        return await self._database.read(work)

    async def go_on_deleting(self, channel_id: str) -> bool:
        """Deletes more of a channel that is being deleted; whether all is done."""
        of_it = follows.c.channel_id == channel_id

        async def work(connection: AsyncConnection) -> bool:
            found = await connection.scalars(
                select(follows.c.user_id).where(of_it).limit(FORGOTTEN_AT_ONCE)
            )
            followers = found.all()
            if followers:
                await connection.execute(
                    delete(follows).where(follows.c.user_id.in_(followers), of_it)
                )
                return False
            gone = delete(channels).where(
                channels.c.channel_id == channel_id, channels.c.deleted_at.is_not(None)
            )
            await connection.execute(gone)
            return True

        return await self._database.write(work)


async def _has_room(
    connection: AsyncConnection, owner: str, limit: int, *, besides: str = ""
) -> None:
    """Keeps an owner's channels as they are until the transaction ends.

    Raises:
        OwnerUnknown: there is no such user.
        TooManyChannels: they have ``limit`` others.
    """
    try:
        await locked(connection, owner)
    except UserUnknown as error:
        raise OwnerUnknown(user_id=owner) from error
    others = await connection.scalar(
        select(func.count())
        .select_from(channels)
        .where(channels.c.owner == owner, channels.c.channel_id != besides)
    )
    if (others or 0) >= limit:
        raise TooManyChannels(limit=limit)


async def _lock(connection: AsyncConnection, channel_id: str) -> None:
    row = await connection.scalar(
        select(channels.c.channel_id)
        .where(channels.c.channel_id == channel_id, channels.c.deleted_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise ChannelUnknown(channel_id=channel_id)


async def _add_followers(connection: AsyncConnection, channel_id: str, more: int) -> None:
    if more:
        await connection.execute(
            update(channels)
            .where(channels.c.channel_id == channel_id)
            .values(followers=channels.c.followers + more)
        )


async def _row_of(connection: AsyncConnection, channel_id: str) -> Row[Any]:
    found = await connection.execute(
        select(channels).where(channels.c.channel_id == channel_id, channels.c.deleted_at.is_(None))
    )
    row = found.one_or_none()
    if row is None:
        raise ChannelUnknown(channel_id=channel_id)
    return row


async def _count(connection: AsyncConnection, *where: Any) -> int:
    return await connection.scalar(select(func.count()).select_from(follows).where(*where)) or 0


def _channel(row: Row[Any]) -> Channel:
    return Channel(
        row.channel_id,
        row.owner,
        row.title,
        row.description,
        row.created_at,
        row.followers,
    )
