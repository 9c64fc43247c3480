"""Accounts: users, their tokens and channels, whom they follow, and whose a token is."""

from enum import StrEnum
from typing import Annotated

import msgspec

from common.messages.packages import Identifier, Sha256

USER_NAME_PATTERN = "[a-z0-9_-]{1,64}"

UserName = Annotated[str, msgspec.Meta(pattern=rf"^{USER_NAME_PATTERN}\Z")]
"""What a user is called: no capitals, so that no two look alike."""

_HOSTILE = r"\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Controls, marks that reorder text, and halves of characters; lines may end."""

Title = Annotated[str, msgspec.Meta(pattern=rf"^[^\n{_HOSTILE}]+\Z", min_length=1, max_length=256)]
Description = Annotated[str, msgspec.Meta(pattern=rf"^[^{_HOSTILE}]*\Z", max_length=4096)]

Time = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]
"""POSIX seconds, until the end of the year 9999."""


class AccountRole(StrEnum):
    """What an account, or one of its tokens, may be."""

    VIEWER = "viewer"
    """Follows channels and has a feed."""
    PUBLISHER = "publisher"
    """Has channels and uploads to them."""
    OPERATOR = "operator"
    """May do everything."""
    EDGE = "edge"
    """Reports to the control plane as the edge that the token names."""


Roles = Annotated[tuple[AccountRole, ...], msgspec.Meta(min_length=1, max_length=len(AccountRole))]


class UserRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: a user to make."""

    name: UserName
    roles: Roles = (AccountRole.VIEWER,)


class UserChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: what becomes different of a user; None stays as it is."""

    name: UserName | None = None
    roles: Roles | None = None
    disabled: bool | None = None
    """Whether none of its tokens opens anything."""


class UserView(msgspec.Struct, frozen=True):
    """A user."""

    user_id: str
    name: str
    roles: tuple[AccountRole, ...]
    created_at: float
    disabled: bool = False


class UsersPage(msgspec.Struct, frozen=True):
    """Users in the order of their names."""

    users: tuple[UserView, ...]
    next: str | None = None
    """What the next page is asked for with, as ``after``; None on the last."""


class MeView(msgspec.Struct, frozen=True):
    """Who asks."""

    user_id: str
    name: str
    roles: tuple[AccountRole, ...]
    """What the token that was presented opens."""
    channels: tuple[str, ...]
    """What it publishes to."""


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make."""

    name: Identifier
    """What it is for; an edge's token has the edge's name."""
    roles: Roles
    expires_at: Time | None = None


class TokenView(msgspec.Struct, frozen=True):
    """A token, without its secret, which nobody knows but who holds it."""

    token_id: str
    name: str
    roles: tuple[AccountRole, ...]
    """What it opens as long as its user has these roles."""
    created_at: float
    expires_at: float | None = None
    last_used: float | None = None
    """The beginning of the day (UTC) on which it was last used."""


class NewToken(msgspec.Struct, frozen=True):
    """A token that was made."""

    token: TokenView
    secret: str
    """What is sent as ``Authorization: Bearer SECRET``. It is told once, and kept by nobody."""


class ChannelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel to make; the last two are for operators to tell."""

    title: Title
    description: Description = ""
    channel_id: Identifier | None = None
    """What its packages name as creator; by default something new. An operator chooses where a
    credential of ingest's settings has published under that name."""
    owner: Identifier | None = None
    """Whose it is; by default who asks."""


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes different of a channel; None stays as it is."""

    title: Title | None = None
    description: Description | None = None
    owner: Identifier | None = None
    """Operators may tell."""


class ChannelView(msgspec.Struct, frozen=True):
    """A channel."""

    channel_id: str
    title: str
    description: str
    created_at: float
    followers: int
    owner: str | None = None
    """The user whose it is; told to them and to operators. None also where there is none."""


class ChannelsPage(msgspec.Struct, frozen=True):
    """Channels in the order of their names."""

    channels: tuple[ChannelView, ...]
    next: str | None = None
    """What the next page is asked for with, as ``after``; None on the last."""


class FollowView(msgspec.Struct, frozen=True):
    """That a channel is followed."""

    channel_id: str
    at: float


class FollowsPage(msgspec.Struct, frozen=True):
    """What is followed, in the order of the channels' names."""

    follows: tuple[FollowView, ...]
    next: str | None = None
    """What the next page is asked for with, as ``after``; None on the last."""


class TokenQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ingest to control plane: whose token is it? After RFC 7662 §2.1, with the token's digest in
    place of the token, which nobody has to tell."""

    token_sha256: Sha256


class TokenStanding(msgspec.Struct, frozen=True):
    """Control plane to ingest: whose a token is. The members are those of RFC 7662 §2.2, and two
    more; without ``active``, none of them says anything."""

    active: bool
    sub: str = ""
    """The user's identifier."""
    username: str = ""
    exp: Time | None = None
    roles: tuple[AccountRole, ...] = ()
    channels: tuple[str, ...] = ()
    """What it may publish to."""
