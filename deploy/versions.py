"""``nearcast versions``, ``rollback`` and ``remove``: an asset's versions, at the command line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from common.errors import NearcastError
from common.messages import EdgeRemovalState, RemovalState, RemovalView, VersionView
from deploy.client import PATIENCE, Api, NotReached, open_api
from deploy.progress import ProgressDisplay

LOOK_EVERY = 0.25
"""Seconds between looks at a removal."""


class NotProven(NearcastError):
    """Edges that are away, {edges}, remove it before they serve again; all others have."""


Work = Callable[[Api, ProgressDisplay], Awaitable[None]]


async def with_api(
    work: Work, *, home: Path, url: str | None, token: str | None, ca: Path | None
) -> int:
    """Does ``work`` at the control plane at ``url``, or at that of the system in ``home``; the exit
    status tells whether it went well."""
    try:
        api = await open_api(home, url=url, token=token, ca=ca, option="--control")
        try:
            with ProgressDisplay() as display:
                await work(api, display)
        finally:
            await api.close()
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def listing(asset_id: str) -> Work:
    """Prints the versions of an asset, the newest first."""

    async def work(api: Api, display: ProgressDisplay) -> None:
        for version in await api.versions(asset_id):
            display.say(_line(version))

    return work


def _line(version: VersionView) -> str:
    state = "current" if version.current else ""
    if version.removed:
        state = f"removed by {version.removal_id}"
    size = f"{version.bytes / 1e6:.1f} MB"
    facts = (
        version.version,
        _moment(version.announced_at),
        f"{size:>10}",
        f"{version.objects:>5} objects",
        f"on {version.edges} edges",
        state,
    )
    return "  ".join(facts).rstrip()


def rolling_back(asset_id: str, version: str) -> Work:
    """Has viewers get another version."""

    async def work(api: Api, display: ProgressDisplay) -> None:
        view = await api.roll_back(asset_id, version)
        display.say(f"Viewers of {asset_id} get version {view.version} now.")

    return work


def removing(asset_id: str, version: str | None, *, wait: bool) -> Work:
    """Removes a version, or all of an asset; waits, when asked, until it is proven."""

    async def work(api: Api, display: ProgressDisplay) -> None:
        view = await api.remove(asset_id, version)
        display.say(f"Removing {_named(view)}: removal {view.removal_id}. {_viewers(view)}")
        if wait:
            for sentence in proof(await follow(api, view.removal_id, display)):
                display.say(sentence)

    return work


async def follow(api: Api, removal_id: str, display: ProgressDisplay) -> RemovalView:
    """Shows how far a removal is until it is done.

    Raises:
        NotProven: all is done but on edges that are away.
        NotReached: the control plane stays away.
        Refused: it does not know the removal.
    """
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while True:
        try:
            view = await api.removal(removal_id)
        except NotReached:
            if loop.time() - heard > PATIENCE:
                raise
        else:
            heard = loop.time()
            _show(view, display)
            if view.state is RemovalState.DONE:
                return view
            away = waits_for_away(view)
            if away:
                raise NotProven(edges=", ".join(away))
        await asyncio.sleep(LOOK_EVERY)


def waits_for_away(view: RemovalView) -> tuple[str, ...]:
    """The edges that are away, when a removal waits for nothing else."""
    states = {edge.state for edge in view.edges}
    if view.origin.confirmed_at is None or EdgeRemovalState.PENDING in states:
        return ()
    return tuple(edge.edge_id for edge in view.edges if edge.state is EdgeRemovalState.AWAY)


def proof(view: RemovalView) -> list[str]:
    """What proves that a removal is done, in sentences."""
    confirmed = view.origin.confirmed_at
    assert confirmed is not None
    edges = [
        f"Edge {edge.edge_id}: nothing left in any process, in memory or on disk, "
        f"confirmed at {_moment(edge.confirmed_at or 0.0)}."
        for edge in view.edges
    ]
    deleted = f"Origin: {view.origin.deleted} objects deleted"
    return [
        *edges,
        f"{deleted}, a listing found nothing left at {_moment(confirmed)}.",
        f"Removed everywhere: {_named(view)}.",
    ]


def _show(view: RemovalView, display: ProgressDisplay) -> None:
    gone = sum(edge.state is EdgeRemovalState.CONFIRMED for edge in view.edges)
    edges = len(view.edges)
    display.show("Edges", 100 * gone / edges if edges else 100, f"{gone} of {edges}")
    trouble = f", waits: {view.origin.trouble}" if view.origin.trouble else ""
    empty = view.origin.confirmed_at is not None
    display.show("Origin", 100 if empty else 0, f"{view.origin.deleted} objects{trouble}")


def _named(view: RemovalView) -> str:
    several = "" if len(view.versions) == 1 else "s"
    return f"version{several} {', '.join(view.versions)} of asset {view.asset_id}"


def _viewers(view: RemovalView) -> str:
    if view.current is None:
        return "Viewers get nothing of it any more."
    return f"Viewers get version {view.current} now."


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
