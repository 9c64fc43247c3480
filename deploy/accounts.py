"""What ``nearcast users`` and ``nearcast tokens`` do: list, make and take back."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from common.errors import NearcastError
from common.messages import AccountRole, TokenRequest, TokenView, UserChange, UserRequest, UserView
from deploy.client import Api
from deploy.edges import Work

DAY = 86_400.0


class NoSuchUser(NearcastError):
    """There is no user {name!r}."""


async def listing(api: Api) -> None:
    """Prints all users by name."""
    after: str | None = ""
    while after is not None:
        page = await api.users(after=after)
        if not page.users and not after:
            click.echo("There are no users yet.", err=True)
        for user in page.users:
            click.echo(_user_line(user))
        after = page.next


def adding(name: str, roles: Sequence[AccountRole]) -> Work:
    """Makes a user."""

    async def work(api: Api) -> None:
        user = await api.add_user(UserRequest(name, tuple(roles)))
        click.echo(f"{user.name} is the user {user.user_id}, {_listed(user.roles)}.")

    return work


def disabling(name: str, *, disabled: bool) -> Work:
    """Has a user's tokens open nothing from now on, or what they did before."""

    async def work(api: Api) -> None:
        user = await _named(api, name)
        await api.change_user(user.user_id, UserChange(disabled=disabled))
        told = "nothing from now on" if disabled else "what they are for"
        click.echo(f"The tokens of {name} open {told}.")

    return work


def listing_tokens(name: str) -> Work:
    """Prints the tokens of a user, the oldest first."""

    async def work(api: Api) -> None:
        tokens = await api.tokens((await _named(api, name)).user_id)
        if not tokens:
            click.echo(f"{name} has no tokens.", err=True)
        for token in tokens:
            click.echo(_token_line(token))

    return work


def creating(name: str, label: str, roles: Sequence[AccountRole], days: float | None) -> Work:
    """Makes a token and prints its secret, which is told once."""

    async def work(api: Api) -> None:
        user = await _named(api, name)
        end = time.time() + days * DAY if days is not None else None
        asked = TokenRequest(label, tuple(roles) or user.roles, end)
        new = await api.add_token(user.user_id, asked)
        told = (
            f"Token {new.token.token_id} of {name}, {_listed(new.token.roles)}. Its secret, once:"
        )
        click.echo(told, err=True)
        click.echo(new.secret)

    return work


def revoking(name: str, token_id: str) -> Work:
    """Takes a token back."""

    async def work(api: Api) -> None:
        await api.revoke((await _named(api, name)).user_id, token_id)
        click.echo(f"Token {token_id} of {name} opens nothing any more, within seconds everywhere.")

    return work


async def _named(api: Api, name: str) -> UserView:
    for user in (await api.users(name=name)).users:
        return user
    raise NoSuchUser(name=name)


def _user_line(user: UserView) -> str:
    state = "disabled" if user.disabled else ""
    return f"{user.user_id}  {user.name:<24}  {_listed(user.roles):<24}  {state}".rstrip()


def _token_line(token: TokenView) -> str:
    used = f"last used on {_date(token.last_used)}" if token.last_used else "never used"
    end = f"until {_date(token.expires_at)}" if token.expires_at is not None else ""
    line = f"{token.token_id}  {token.name:<24}  {_listed(token.roles):<24}  {used}  {end}"
    return line.rstrip()


def _listed(roles: Sequence[AccountRole]) -> str:
    return ", ".join(roles)


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
