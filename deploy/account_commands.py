"""``nearcast users`` and ``nearcast tokens``, as the command line has them."""

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import click

from common.messages import AccountRole
from deploy.options import at_control

if TYPE_CHECKING:
    from deploy.edges import Work

_roles_option = click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice([role.value for role in AccountRole]),
    help="Repeatedly for several.",
)


def _do(work: "Work", where: dict[str, Any]) -> None:
    from deploy.edges import ask  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(ask(work, **where)))


def _roles(given: tuple[str, ...]) -> tuple[AccountRole, ...]:
    return tuple(map(AccountRole, given))


@click.group("users", invoke_without_command=True)
@at_control
@click.pass_context
def users(context: click.Context, /, **where: Any) -> None:
    """Lists the users: their identifiers, names and roles.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    if context.invoked_subcommand is not None:
        # What is given before the subcommand is given to it.
        context.default_map = {context.invoked_subcommand: where}
        return
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.listing, where)


@users.command()
@click.argument("name")
@_roles_option
@at_control
def add(*, name: str, roles: tuple[str, ...], **where: Any) -> None:
    """Makes a user called NAME, a viewer where no role is named."""
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.adding(name, _roles(roles) or (AccountRole.VIEWER,)), where)


@users.command()
@click.argument("name")
@at_control
def disable(*, name: str, **where: Any) -> None:
    """Has no token of NAME open anything, until they are enabled."""
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.disabling(name, disabled=True), where)


@users.command()
@click.argument("name")
@at_control
def enable(*, name: str, **where: Any) -> None:
    """Has the tokens of NAME open again what they are for."""
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.disabling(name, disabled=False), where)


@click.group("tokens")
def tokens() -> None:
    """Lists, makes and revokes users' tokens."""


@tokens.command("list")
@click.argument("user")
@at_control
def show_tokens(*, user: str, **where: Any) -> None:
    """Lists the tokens of the user called USER."""
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.listing_tokens(user), where)


@tokens.command()
@click.argument("user")
@click.argument("name")
@_roles_option
@click.option("--days", type=click.FloatRange(0, 36_500, min_open=True), help="How long it lives.")
@at_control
def create(
    *, user: str, name: str, roles: tuple[str, ...], days: float | None, **where: Any
) -> None:
    """Makes a token of USER for NAME and prints its secret: with all of the user's roles, where
    none is named.

    An edge's token has the edge's name.
    """
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.creating(user, name, _roles(roles), days), where)


@tokens.command()
@click.argument("user")
@click.argument("token_id", metavar="TOKEN")
@at_control
def revoke(*, user: str, token_id: str, **where: Any) -> None:
    """Has TOKEN of USER open nothing any more."""
    from deploy import accounts  # noqa: PLC0415 - roles start faster without it

    _do(accounts.revoking(user, token_id), where)
