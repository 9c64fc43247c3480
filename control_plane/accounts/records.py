"""What is kept of accounts."""

import msgspec

from common.messages import AccountRole, ChannelView, TokenView, UserView


class User(msgspec.Struct, frozen=True):
    """A user, who may do what their tokens say as far as their roles reach."""

    user_id: str
    name: str
    roles: tuple[AccountRole, ...]
    created_at: float
    disabled: bool = False

    @property
    def view(self) -> UserView:
        """The same for operators."""
        return UserView(self.user_id, self.name, self.roles, self.created_at, self.disabled)


class Token(msgspec.Struct, frozen=True):
    """A token; of its secret there is the SHA-256 alone, and that is of 256 random bits."""

    token_id: str
    user_id: str
    sha256: str
    name: str
    roles: tuple[AccountRole, ...]
    created_at: float
    expires_at: float | None = None
    last_used: float | None = None

    @property
    def view(self) -> TokenView:
        """The same for people."""
        return TokenView(
            self.token_id, self.name, self.roles, self.created_at, self.expires_at, self.last_used
        )


class Holder(msgspec.Struct, frozen=True):
    """Whose a token is, and what it publishes to."""

    user: User
    token: Token
    channels: tuple[str, ...]


class Channel(msgspec.Struct, frozen=True):
    """A channel; what packages name as creator is its identifier."""

    channel_id: str
    owner: str | None
    title: str
    description: str
    created_at: float
    followers: int = 0

    def view(self, *, whole: bool) -> ChannelView:
        """The same for people; ``whole`` is whether they may know whose it is."""
        return ChannelView(
            self.channel_id,
            self.title,
            self.description,
            self.created_at,
            self.followers,
            self.owner if whole else None,
        )
