"""``nearcast explain``: where a client would be sent, and step by step why."""

from collections.abc import Mapping
from typing import Final

from common.messages import ExplanationView
from deploy.client import Api
from deploy.progress import ProgressDisplay
from deploy.versions import Work

SHOWN: Final = 12
"""Edges that are printed; no player goes further down the list."""


def explaining(asset_id: str, asked: Mapping[str, str]) -> Work:
    """Prints how a client's route is found, and the edges that it has.

    Args:
        asset_id: what the client asks for.
        asked: what is known of it, as ``/v1/explain`` takes it.
    """

    async def work(api: Api, display: ProgressDisplay) -> None:
        view = await api.explain({**asked, "asset": asset_id})
        for line in lines_of(view):
            display.say(line)

    return work


def lines_of(view: ExplanationView) -> list[str]:
    """What is printed."""
    widest = max(len(step.step) for step in view.steps)
    steps = [f"{step.step:<{widest}}  {step.told}" for step in view.steps]
    edges = [f"{edge.rank:>3}. {edge.edge_id}: {edge.reason}" for edge in view.edges[:SHOWN]]
    left = len(view.edges) - SHOWN
    more = [f"     and {left} more"] if left > 0 else []
    return [*steps, "", *edges, *more]
