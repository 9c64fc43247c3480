"""Users and their tokens in the database.

Transactions that touch a user take the lock of that row first, and those of channels after it, in
their order: so that none waits for one that waits for it.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from common.messages import AccountRole
from control_plane.accounts.database import Database, Duplicate
from control_plane.accounts.errors import TokenUnknown, TooManyTokens, UserNameTaken, UserUnknown
from control_plane.accounts.records import Holder, Token, User
from control_plane.accounts.schema import channels, follows, tokens, users

FORGOTTEN_AT_ONCE: Final = 200
"""Follows of a deleted user that go in one transaction."""


class People:
    """Users, and the tokens that open what they may do.

    Every method raises ``Unavailable`` when the database does not answer, and those that write
    ``StorageFull`` when it has no space left.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User) -> None:
        """Keeps a new user.

        Raises:
            UserNameTaken: another one has the name.
        """
        values = {**_columns(user), "roles": _joined(user.roles)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(users).values(values))

        try:
            await self._database.write(work)
        except Duplicate:
            raise UserNameTaken(name=user.name) from None

    async def user(self, user_id: str) -> User:
        """The user.

        Raises:
            UserUnknown: there is none, or no more.
        """

        async def work(connection: AsyncConnection) -> User:
            return _user(await _row_of(connection, user_id))

        return await self._database.read(work)

    async def page(self, after: str, limit: int, *, name: str | None = None) -> list[User]:
        """At most ``limit`` users with names after ``after``, in order; with ``name``, the one who
        is called so."""
        asked = select(users).where(users.c.name > after, users.c.deleted_at.is_(None))
        if name is not None:
            asked = asked.where(users.c.name == name)

        async def work(connection: AsyncConnection) -> list[User]:
            found = await connection.execute(asked.order_by(users.c.name).limit(limit))
            return [_user(row) for row in found]

        return await self._database.read(work)

    async def change(
        self,
        user_id: str,
        *,
        name: str | None,
        roles: tuple[AccountRole, ...] | None,
        disabled: bool | None,
    ) -> User:
        """The user after the changes; None is none.

        Raises:
            UserUnknown: there is no such user.
            UserNameTaken: another one has the name.
        """
        told = {
            "name": name,
            "roles": _joined(roles) if roles is not None else None,
            "disabled": disabled,
        }
        values = {column: value for column, value in told.items() if value is not None}

        async def work(connection: AsyncConnection) -> User:
            await locked(connection, user_id)
            if values:
                await connection.execute(
                    update(users).where(users.c.user_id == user_id).values(values)
                )
            return _user(await _row_of(connection, user_id))

        try:
            return await self._database.write(work)
        except Duplicate:
            raise UserNameTaken(name=name) from None

    async def add_token(self, token: Token, *, limit: int) -> None:
        """Keeps a new token, in place of those of the user whose time is over.

        Raises:
            UserUnknown: there is no such user.
            TooManyTokens: they have ``limit`` already.
        """
        theirs = tokens.c.user_id == token.user_id
        values = {**_columns(token), "roles": _joined(token.roles)}

        async def work(connection: AsyncConnection) -> None:
            await locked(connection, token.user_id)
            over = tokens.c.expires_at <= token.created_at
            await connection.execute(delete(tokens).where(theirs, over))
            if await _count(connection, tokens, theirs) >= limit:
                raise TooManyTokens(limit=limit)
            await connection.execute(insert(tokens).values(values))

        await self._database.write(work)

    async def tokens(self, user_id: str) -> list[Token]:
        """The tokens of a user, the oldest first.

        Raises:
            UserUnknown: there is no such user.
        """

        async def work(connection: AsyncConnection) -> list[Token]:
            await _row_of(connection, user_id)
            found = await connection.execute(
                select(tokens)
                .where(tokens.c.user_id == user_id)
                .order_by(tokens.c.created_at, tokens.c.token_id)
            )
            return [_token(row) for row in found]

        return await self._database.read(work)

    async def revoke(self, user_id: str, token_id: str) -> None:
        """Forgets a token.

        Raises:
            TokenUnknown: the user has no such token.
        """
        named = (tokens.c.user_id == user_id, tokens.c.token_id == token_id)

        async def work(connection: AsyncConnection) -> None:
            if not (await connection.execute(delete(tokens).where(*named))).rowcount:
                raise TokenUnknown(token_id=token_id)

        await self._database.write(work)

    async def holder(self, sha256: str) -> Holder | None:
        """Whose token has that SHA-256; None when it is nobody's, or that of a user who was
        disabled or deleted."""

        async def work(connection: AsyncConnection) -> Holder | None:
            found = await connection.execute(select(tokens).where(tokens.c.sha256 == sha256))
            row = found.one_or_none()
            if row is None:
                return None
            token = _token(row)
            try:
                user = _user(await _row_of(connection, token.user_id))
            except UserUnknown:
                return None
            if user.disabled:
                return None
            publishes = AccountRole.PUBLISHER in set(token.roles) & set(user.roles)
            theirs = await owned_by(connection, user.user_id) if publishes else ()
            return Holder(user, token, theirs)

        return await self._database.read(work)

    async def edges(self, names: Sequence[str]) -> dict[str, float]:
        """Until when tokens of these names open what an edge may, POSIX seconds; without those of
        which none does."""
        asked = (
            select(tokens.c.name, tokens.c.roles, tokens.c.expires_at, users.c.roles.label("reach"))
            .join(users, users.c.user_id == tokens.c.user_id)
            .where(tokens.c.name.in_(names), users.c.deleted_at.is_(None), ~users.c.disabled)
        )

        async def work(connection: AsyncConnection) -> dict[str, float]:
            until: dict[str, float] = {}
            for row in await connection.execute(asked):
                if AccountRole.EDGE in set(_roles(row.roles)) & set(_roles(row.reach)):
                    end = math.inf if row.expires_at is None else row.expires_at
                    until[row.name] = max(end, until.get(row.name, 0.0))
            return until

        return await self._database.read(work)

    async def used(self, token_ids: Sequence[str], day: float) -> None:
        """Notes that tokens were used on a day."""
        named = tokens.c.token_id.in_(token_ids)
        older = or_(tokens.c.last_used.is_(None), tokens.c.last_used < day)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(update(tokens).where(named, older).values(last_used=day))

        await self._database.write(work)

    async def begin_deletion(self, user_id: str, at: float) -> None:
        """Has a user be gone for everybody, their tokens with them; what they follow goes with
        ``go_on_deleting``. Their channels stay, and are nobody's.

        Raises:
            UserUnknown: there is no such user.
        """

        async def work(connection: AsyncConnection) -> None:
            await locked(connection, user_id)
            await connection.execute(delete(tokens).where(tokens.c.user_id == user_id))
            await connection.execute(
                update(users).where(users.c.user_id == user_id).values(deleted_at=at)
            )

        await self._database.write(work)

    async def deleted(self) -> str | None:
        """A user who is being deleted; None when there is none."""
        asked = select(users.c.user_id).where(users.c.deleted_at.is_not(None)).limit(1)

        async def work(connection: AsyncConnection) -> str | None:
            return await connection.scalar(asked)

        return await self._database.read(work)

    async def go_on_deleting(self, user_id: str) -> bool:
        """Deletes more of a user who is being deleted; whether all is done."""
        theirs = follows.c.user_id == user_id

        async def work(connection: AsyncConnection) -> bool:
            found = await connection.scalars(
                select(follows.c.channel_id)
                .where(theirs)
                .order_by(follows.c.channel_id)
                .limit(FORGOTTEN_AT_ONCE)
            )
            followed = found.all()
            if followed:
                await _unfollow_all(connection, user_id, followed)
                return False
            await connection.execute(
                update(channels).where(channels.c.owner == user_id).values(owner=None)
            )
            gone = delete(users).where(users.c.user_id == user_id, users.c.deleted_at.is_not(None))
            await connection.execute(gone)
            return True

        return await self._database.write(work)


async def locked(connection: AsyncConnection, user_id: str) -> None:
    """Has no other transaction change a user until this one ends.

    Raises:
        UserUnknown: there is no such user.
    """
    row = await connection.scalar(
        select(users.c.user_id)
        .where(users.c.user_id == user_id, users.c.deleted_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise UserUnknown(user_id=user_id)


async def owned_by(connection: AsyncConnection, user_id: str) -> tuple[str, ...]:
    """The channels of a user, in the order of their identifiers."""
    found = await connection.scalars(
        select(channels.c.channel_id)
        .where(channels.c.owner == user_id, channels.c.deleted_at.is_(None))
        .order_by(channels.c.channel_id)
    )
    return tuple(found)


async def _unfollow_all(connection: AsyncConnection, user_id: str, followed: Sequence[str]) -> None:
    named = channels.c.channel_id.in_(followed)
    await connection.execute(
        select(channels.c.channel_id).where(named).order_by(channels.c.channel_id).with_for_update()
    )
    # Somebody else may have been at it meanwhile: what is there now stays until it is deleted.
    left = await connection.scalars(
        select(follows.c.channel_id).where(
            follows.c.user_id == user_id, follows.c.channel_id.in_(followed)
        )
    )
    still = left.all()
    await connection.execute(
        delete(follows).where(follows.c.user_id == user_id, follows.c.channel_id.in_(still))
    )
    await connection.execute(
        update(channels)
        .where(channels.c.channel_id.in_(still))
        .values(followers=channels.c.followers - 1)
    )


async def _row_of(connection: AsyncConnection, user_id: str) -> Row[Any]:
    found = await connection.execute(
        select(users).where(users.c.user_id == user_id, users.c.deleted_at.is_(None))
    )
    row = found.one_or_none()
    if row is None:
        raise UserUnknown(user_id=user_id)
    return row


async def _count(connection: AsyncConnection, table: Any, *where: Any) -> int:
    return await connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def _columns(record: User | Token) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _joined(roles: tuple[AccountRole, ...]) -> str:
    return " ".join(sorted(set(roles)))


def _roles(joined: str) -> tuple[AccountRole, ...]:
    """Those that this release knows: one that a newer release has given is no more here."""
    return tuple(AccountRole(role) for role in joined.split() if role in set(AccountRole))


def _user(row: Row[Any]) -> User:
    return User(row.user_id, row.name, _roles(row.roles), row.created_at, bool(row.disabled))


def _token(row: Row[Any]) -> Token:
    return Token(
        row.token_id,
        row.user_id,
        row.sha256,
        row.name,
        _roles(row.roles),
        row.created_at,
        row.expires_at,
        row.last_used,
    )
