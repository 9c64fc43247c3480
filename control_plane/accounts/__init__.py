"""Users, channels, follows and API tokens, in a relational database that may be away."""

from control_plane.accounts.accounts import Accounts, open_accounts
from control_plane.accounts.errors import (
    ChannelTaken,
    ChannelUnknown,
    NoAccount,
    OwnerUnknown,
    TokenUnknown,
    TooManyChannels,
    TooManyFollows,
    TooManyTokens,
    UserNameTaken,
    UserUnknown,
)
from control_plane.accounts.settings import AccountsSettings

__all__ = [
    "Accounts",
    "AccountsSettings",
    "ChannelTaken",
    "ChannelUnknown",
    "NoAccount",
    "OwnerUnknown",
    "TokenUnknown",
    "TooManyChannels",
    "TooManyFollows",
    "TooManyTokens",
    "UserNameTaken",
    "UserUnknown",
    "open_accounts",
]
