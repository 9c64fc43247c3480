"""What accounts refuse."""

from common.errors import NearcastError


class UserUnknown(NearcastError):
    """There is no user {user_id!r}."""

    status = 404


class OwnerUnknown(NearcastError):
    """There is no user {user_id!r}, who is to own the channel."""

    status = 422


class UserNameTaken(NearcastError):
    """Another user is called {name!r}."""

    status = 409


class TokenUnknown(NearcastError):
    """The user has no token {token_id!r}."""

    status = 404


class TooManyTokens(NearcastError):
    """The user has {limit} tokens, and may have no more: revoke one first."""

    status = 409


class ChannelUnknown(NearcastError):
    """There is no channel {channel_id!r}."""

    status = 404


class ChannelTaken(NearcastError):
    """Another channel is called {channel_id!r}."""

    status = 409


class TooManyChannels(NearcastError):
    """The user has {limit} channels, and may have no more."""

    status = 409


class TooManyFollows(NearcastError):
    """The user follows {limit} channels, and may follow no more."""

    status = 409


class NoAccount(NearcastError):
    """The credential {name!r} is one of the settings, and no account's."""

    status = 403
