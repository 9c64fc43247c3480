"""``nearcast purge``: what every edge forgets or asks for anew, followed until all have done it."""

import asyncio
import math
from collections.abc import Sequence

from common.errors import NearcastError
from common.messages import EdgePurgeState, PurgeRequest, PurgeScope, PurgeState, PurgeView
from deploy.client import PATIENCE, Api, NotReached
from deploy.progress import ProgressDisplay
from deploy.versions import Work

WAIT = 0.25
"""Seconds that the control plane may wait for edges before it tells how far they are."""


NAMED_AFTER = 3.0
"""Seconds after which it is told for which edges the command waits."""
NAMED = 8
"""Edges that are told by their names."""


class NotEverywhere(NearcastError):
    """Edges that are away, {edges}, do it before they serve again; all others have."""


def purging(asked: PurgeRequest, *, wait: bool) -> Work:
    """Purges; waits, unless told otherwise, until every edge has done it."""

    async def work(api: Api, display: ProgressDisplay) -> None:
        view = await api.purge(asked)
        display.say(f"Purging {_named(view)}: purge {view.purge_id}.")
        if wait:
            view = await follow(api, view, display)
            display.say(_outcome(view))
            if away := _in(view, EdgePurgeState.AWAY):
                raise NotEverywhere(edges=_some(away))

    return work


async def follow(api: Api, view: PurgeView, display: ProgressDisplay) -> PurgeView:
    """Shows how far a purge is until every edge that is not away has done it; names those that take
    long.

    Raises:
        NotReached: the control plane stays away.
        Refused: it does not know the purge any more.
    """
    loop = asyncio.get_running_loop()
    began = heard = loop.time()
    named = False
    while True:
        _show(view, display)
        if view.state is PurgeState.DONE:
            return view
        if not named and loop.time() - began > NAMED_AFTER:
            named = True
            late = _some(_in(view, EdgePurgeState.PENDING))
            display.say(f"Waiting for {late}; Ctrl-C ends this command, not the purge.")
        try:
            view = await api.purge_of(view.purge_id, wait=WAIT)
        except NotReached:
            if loop.time() - heard > PATIENCE:
                raise
            await asyncio.sleep(WAIT)
        else:
            heard = loop.time()


def _show(view: PurgeView, display: ProgressDisplay) -> None:
    done, edges = len(_in(view, EdgePurgeState.CONFIRMED)), len(view.edges)
    left = edges - len(_in(view, EdgePurgeState.AWAY))
    display.show("Edges", 100 * done / left if left else 100, f"{done} of {edges}")


def _in(view: PurgeView, state: EdgePurgeState) -> list[str]:
    return [edge.edge_id for edge in view.edges if edge.state is state]


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])}{f' and {more} more' if more > 0 else ''}"


def _outcome(view: PurgeView) -> str:
    done = len(_in(view, EdgePurgeState.CONFIRMED))
    if not done:
        return "No edge is there that has to."
    told = f"{done} edge{'' if done == 1 else 's'} {'has' if done == 1 else 'have'} done it"
    times = [
        (edge.confirmed_at - view.created_at, edge.edge_id)
        for edge in view.edges
        if edge.confirmed_at is not None
    ]
    if not times:
        return f"{told}."
    seconds, slowest = max(times)
    return f"{told}, the slowest, {slowest}, after {max(0, math.ceil(seconds * 1000))} ms."


def _named(view: PurgeView) -> str:
    what = {
        PurgeScope.URL: f"/{view.value}",
        PurgeScope.PREFIX: f"all of /{view.value}",
        PurgeScope.TAG: f"all with the surrogate key {view.value}",
        PurgeScope.EVERYTHING: "everything",
    }
    return f"{what[view.scope]}{', softly' if view.soft else ''}"
