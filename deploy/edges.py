"""What ``nearcast edges`` and its subcommands do: show the fleet, and order what edges do."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import click

from common.errors import NearcastError
from common.messages import EdgeStanding, EdgeState, EdgeView
from control_plane.dashboard.texts import NBSP, name_order, readable_duration, readable_size
from deploy.client import Api, NotReached, open_api

LOOK_EVERY = 2.0
"""Seconds between two looks at the fleet."""

HEADINGS = ("EDGE", "REGION", "STATE", "SHARE", "LOAD", "DISK", "HOLDS", "PENDING", "REASON")
SILENT = "not heard of"
"""How the reason of an edge that is down for its silence begins."""
TOLD = {
    EdgeStanding.DRAINING: "{edge} gets no new viewers from now on; those that it has stay.",
    EdgeStanding.MAINTENANCE: "{edge} gets no viewers, and nobody is alarmed when it is silent.",
    EdgeStanding.IN_SERVICE: "{edge} takes viewers as its health allows.",
}

Work = Callable[[Api], Awaitable[None]]


async def ask(
    work: Work, *, home: Path, url: str | None, token: str | None, ca: Path | None
) -> int:
    """Does ``work`` at the control plane at ``url``, or at that of the system in ``home``; the exit
    status tells whether it went well."""
    try:
        api = await open_api(home, url=url, token=token, ca=ca, option="--control")
        try:
            await work(api)
        finally:
            await api.close()
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


async def listing(api: Api) -> None:
    """Prints the edges once."""
    for line in table(await api.edges()):
        click.echo(line)


async def watching(api: Api) -> None:
    """Prints the edges again and again, in place of the last time where it is a terminal.

    Raises:
        Refused: the token opens nothing.
    """
    while True:
        try:
            lines = table(await api.edges())
        except NotReached as error:
            lines = [str(error)]
        click.clear()
        for line in lines:
            click.echo(line)
        await asyncio.sleep(LOOK_EVERY)


def ordering(edge_id: str, standing: EdgeStanding, reason: str) -> Work:
    """Orders what an edge has to do."""

    async def work(api: Api) -> None:
        await api.order(edge_id, standing, reason)
        click.echo(TOLD[standing].format(edge=edge_id))

    return work


def table(edges: Iterable[EdgeView]) -> list[str]:
    """The edges by region and name, in lines with columns of the same width."""
    ordered = sorted(edges, key=lambda edge: (edge.region, name_order(edge.edge_id)))
    rows = [HEADINGS, *(_row(edge) for edge in ordered)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [_line(row, widths) for row in rows]


def _row(edge: EdgeView) -> tuple[str, ...]:
    return (
        edge.edge_id,
        edge.region,
        edge.state.value,
        f"{edge.share:.0%}",
        f"{edge.load:.0%}",
        f"{_size(edge.used_bytes)} of {_size(edge.capacity_bytes)}",
        str(edge.packages_held),
        str(edge.fill_pending),
        printable(_why(edge)),
    )


def _size(count: int) -> str:
    return readable_size(count).replace(NBSP, " ")


def _why(edge: EdgeView) -> str:
    """Why the edge is how it is, or what was ordered of it where that does not tell."""
    if edge.state is EdgeState.DOWN and edge.reason.startswith(SILENT):
        # The reason names the silence that is too long, not how long it is by now.
        return f"last heard of {readable_duration(max(0.0, time.time() - edge.heard_at))} ago"
    if edge.reason:
        return edge.reason
    order = edge.standing
    if order is None or order.standing is EdgeStanding.IN_SERVICE:
        return ""
    return f"{order.standing}, ordered by {order.by}{f': {order.reason}' if order.reason else ''}"


def printable(text: str) -> str:
    """``text`` without what a terminal would take for more than letters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip()
