"""Accounts as the rest of the control plane knows them: made, changed, deleted, and found by token.

What is being deleted is gone for everybody at once; what is left of it goes bit by bit, also after
a death in the middle, as every control plane looks for such.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from common.clock import Clock
from common.errors import NearcastError
from common.messages import (
    AccountRole,
    ChannelChange,
    ChannelRequest,
    NewToken,
    TokenRequest,
    UserChange,
    UserRequest,
)
from common.service import Credential, Role
from common.service.lookups import ACCOUNT_MARK
from control_plane.accounts.channels import Channels
from control_plane.accounts.database import Database
from control_plane.accounts.edges import AccountEdges
from control_plane.accounts.followed import Followed
from control_plane.accounts.people import People
from control_plane.accounts.records import Channel, Holder, Token, User
from control_plane.accounts.settings import AccountsSettings

MOST_TOKENS: Final = 100
MOST_CHANNELS: Final = 100
MOST_FOLLOWS: Final = 10_000
"""Of one user."""
TIDY_EVERY: Final = 5.0
"""Seconds."""
DAY: Final = 86_400.0
MOST_USES: Final = 10_000
"""Tokens whose use is not written down yet."""
NOTED_AT_ONCE: Final = 500


class Accounts:
    """Users, their tokens and channels, and what they follow."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings_edges: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        """``settings_edges`` tells until when the settings' credentials of edges are valid."""
        self.people = People(database)
        self.channels = Channels(database)
        self._database = database
        self._clock = clock
        self._followed = Followed(self.channels.followed_by, clock)
        self._used: set[str] = set()
        """Tokens that were used today, as far as that is not written down."""
        self.on_change: Callable[[str], None] = lambda _: None
        """Called with the user whose tokens open something else than before."""
        self.edges = AccountEdges(settings_edges, self.people.edges)

    def away(self) -> dict[str, str]:
        """What the control plane has to do without: nothing, or its accounts."""
        trouble = self._database.trouble
        return {} if trouble is None else {"accounts": trouble}

    async def run(self) -> None:
        """Finishes for ever what others have begun, and looks whether the database is there."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._database.run())
            group.create_task(self._tidy())

    async def close(self) -> None:
        """Ends the connections to the database."""
        await self._database.close()

    async def add_user(self, asked: UserRequest) -> User:
        """A new user; raises as ``People.add``."""
        user = User(new_name(), asked.name, asked.roles, self._clock.now())
        await self.people.add(user)
        return user

    async def change_user(self, user_id: str, asked: UserChange) -> User:
        """Changes a user; raises as ``People.change``."""
        user = await self.people.change(
            user_id, name=asked.name, roles=asked.roles, disabled=asked.disabled
        )
        self.on_change(user_id)
        return user

    async def delete_user(self, user_id: str) -> None:
        """Deletes a user with their tokens and all that they follow. Their channels stay, and are
        nobody's until an operator gives them to another.

        Raises:
            UserUnknown: there is none.
        """
        await self.people.begin_deletion(user_id, self._clock.now())
        self.on_change(user_id)
        self._followed.forget(user_id)
        while not await self.people.go_on_deleting(user_id):
            pass

    async def add_token(self, user_id: str, asked: TokenRequest) -> NewToken:
        """A new token of a user; raises as ``People.add_token``."""
        secret = ACCOUNT_MARK + secrets.token_urlsafe(32)
        token = Token(
            new_name(),
            user_id,
            hashlib.sha256(secret.encode()).hexdigest(),
            asked.name,
            asked.roles,
            self._clock.now(),
            asked.expires_at,
        )
        await self.people.add_token(token, limit=MOST_TOKENS)
        return NewToken(token.view, secret)

    async def revoke(self, user_id: str, token_id: str) -> None:
        """Has a token open nothing any more: here at once, elsewhere within seconds; raises as
        ``People.revoke``."""
        await self.people.revoke(user_id, token_id)
        self.on_change(user_id)

    async def find(self, digest: bytes) -> Credential | None:
        """What the token with that SHA-256 opens; None when it is nobody's.

        Raises:
            Unavailable: the database does not answer.
        """
        holder = await self.people.holder(digest.hex())
        if holder is None:
            return None
        today = self._today()
        if (holder.token.last_used or 0.0) < today and len(self._used) < MOST_USES:
            self._used.add(holder.token.token_id)
        return _credential(holder)

    async def add_channel(
        self, asked: ChannelRequest, *, owner: str | None, channel_id: str | None
    ) -> Channel:
        """A new channel; raises as ``Channels.add``."""
        channel = Channel(
            channel_id or new_name(), owner, asked.title, asked.description, self._clock.now()
        )
        await self.channels.add(channel, limit=MOST_CHANNELS)
        self._changed_owner(owner)
        return channel

    async def change_channel(self, channel: Channel, asked: ChannelChange) -> Channel:
        """Changes a channel; raises as ``Channels.change``."""
        changed = await self.channels.change(
            channel.channel_id,
            title=asked.title,
            description=asked.description,
            owner=asked.owner,
            limit=MOST_CHANNELS,
        )
        if asked.owner is not None:
            self._changed_owner(channel.owner)
            self._changed_owner(asked.owner)
        return changed

    async def delete_channel(self, channel: Channel) -> None:
        """Deletes a channel and all follows of it; its videos stay; raises as
        ``Channels.begin_deletion``. The last of many followers may go after this returns."""
        await self.channels.begin_deletion(channel.channel_id, self._clock.now())
        self._changed_owner(channel.owner)
        await self.channels.go_on_deleting(channel.channel_id)

    async def follow(self, user_id: str, channel_id: str) -> None:
        """Has a user follow a channel; raises as ``Channels.follow``."""
        try:
            await self.channels.follow(
                user_id, channel_id, at=self._clock.now(), limit=MOST_FOLLOWS
            )
        finally:
            self._followed.forget(user_id)

    async def unfollow(self, user_id: str, channel_id: str) -> None:
        """Has a user follow a channel no more; raises as ``Channels.unfollow``."""
        try:
            await self.channels.unfollow(user_id, channel_id)
        finally:
            self._followed.forget(user_id)

    async def channels_followed_by(self, user_id: str) -> tuple[str, ...]:
        """What a user follows, in the order of the channels' identifiers: as it is now after their
        own changes here, and as it was seconds ago at most after those elsewhere.

        Raises:
            Unavailable: the database does not answer.
        """
        return await self._followed.by(user_id)

    def _changed_owner(self, user_id: str | None) -> None:
        if user_id is not None:
            self.on_change(user_id)

    def _today(self) -> float:
        return self._clock.now() // DAY * DAY

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY)
            with contextlib.suppress(NearcastError):
                await self.tidy()

    async def tidy(self) -> None:
        """Goes on with what is being deleted, notes which tokens were used, and asks about edges.

        Raises:
            Unavailable: the database does not answer.
        """
        await self.edges.refresh()
        while (user_id := await self.people.deleted()) is not None:
            await self.people.go_on_deleting(user_id)
        while (channel_id := await self.channels.deleted()) is not None:
            await self.channels.go_on_deleting(channel_id)
        while self._used:
            some = list(self._used)[:NOTED_AT_ONCE]
            await self.people.used(some, self._today())
            self._used.difference_update(some)


async def open_accounts(
    settings: AccountsSettings,
    clock: Clock,
    authority: Path | None = None,
    *,
    settings_edges: Callable[[str], float | None] = lambda _: None,
) -> Accounts:
    """The accounts in the database that ``settings`` name, which may be away; ``settings_edges``
    tells until when the settings' credentials of edges are valid.

    Raises:
        SettingsInvalid: they name none, or two.
    """
    return Accounts(await Database.open(settings, authority), clock, settings_edges)


def new_name() -> str:
    """An identifier of 64 random bits, which nobody guesses and no two have."""
    return secrets.token_hex(8)


def _credential(holder: Holder) -> Credential:
    """What a token opens: what it was made for, as far as its user's roles still reach.

    An edge's credential has the name of the edge; that of anyone else has the user's.
    """
    roles = set(holder.token.roles) & set(holder.user.roles)
    expires = holder.token.expires_at
    return Credential(
        name=holder.token.name if AccountRole.EDGE in roles else holder.user.name,
        roles=frozenset(Role(role) for role in roles),
        expires_at=datetime.fromtimestamp(expires, UTC) if expires is not None else None,
        user_id=holder.user.user_id,
        channels=frozenset(holder.channels),
    )
