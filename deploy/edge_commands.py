"""``nearcast edges`` and what is below it, as the command line has them."""

import asyncio
import sys
from typing import Any

import click

from common.messages import EdgeStanding
from deploy.options import at_control

_reason_option = click.option("--reason", default="", help="Why, for whoever looks at the edges.")


@click.group("edges", invoke_without_command=True)
@click.option("--watch", is_flag=True, help="Goes on, every two seconds, until Ctrl-C.")
@at_control
@click.pass_context
def edges(context: click.Context, /, *, watch: bool, **where: Any) -> None:
    """Lists the edges: their state, their share of viewers, their load, and why.

    Without --control, it asks the system that `nearcast up` runs on the same --home.
    """
    if context.invoked_subcommand is not None:
        # What is given before the subcommand is given to it.
        context.default_map = {context.invoked_subcommand: where}
        return
    from deploy.edges import ask, listing, watching  # noqa: PLC0415 - roles start faster without it

    try:
        sys.exit(asyncio.run(ask(watching if watch else listing, **where)))
    except KeyboardInterrupt:
        sys.exit(0)


def _order(edge: str, standing: EdgeStanding, reason: str, where: dict[str, Any]) -> None:
    from deploy.edges import ask, ordering  # noqa: PLC0415 - roles start faster without it

    sys.exit(asyncio.run(ask(ordering(edge, standing, reason), **where)))


@edges.command()
@click.argument("edge")
@_reason_option
@at_control
def drain(*, edge: str, reason: str, **where: Any) -> None:
    """Sends EDGE no new viewers from now on; those that it has stay."""
    _order(edge, EdgeStanding.DRAINING, reason, where)


@edges.command()
@click.argument("edge")
@_reason_option
@at_control
def maintain(*, edge: str, reason: str, **where: Any) -> None:
    """Sends EDGE no viewers, keeps what is placed on it, and alarms nobody when it is silent."""
    _order(edge, EdgeStanding.MAINTENANCE, reason, where)


@edges.command()
@click.argument("edge")
@_reason_option
@at_control
def serve(*, edge: str, reason: str, **where: Any) -> None:
    """Ends what was ordered of EDGE: it takes viewers as its health allows."""
    _order(edge, EdgeStanding.IN_SERVICE, reason, where)
