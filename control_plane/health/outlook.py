"""The health of a whole fleet: what one edge's signs cannot tell.

A monitor that nobody answers is itself cut off: a control plane that hears no edge at all keeps
what it knew, and one that reaches none with its probes is not asked. And a region never loses all
of its edges by judgement: where those that are trusted are none, the best of the others stay in.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from control_plane.health.machine import SERVING, step
from control_plane.health.model import EdgeHealth, HealthRules, Probed, Signs

FEWEST = 2
"""Edges whose silence at once says that it is not theirs."""
AT_ONCE = 2 / 3
"""Of the time after which an edge is down: edges that all fell silent for so long did at once."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Every edge's health."""

    edges: Mapping[str, EdgeHealth]
    blind: bool
    """Whether this control plane hears nobody, so that what it tells is what it last knew."""


def look(
    known: Mapping[str, EdgeHealth],
    signs: Mapping[str, Signs],
    *,
    now: float,
    rules: HealthRules,
) -> Outlook:
    """The health of every edge of ``signs`` at ``now``; to be asked once a second or more often.

    Args:
        known: the edges of the last outlook.
        signs: what is known of each edge now.
        now: seconds, on the scale of ``signs``.
        rules: how soon and how far edges are trusted.
    """
    signs = _recent(signs, now, rules)
    blind = _blind(known, signs, now, rules)
    cut_off = _cut_off(signs)
    edges: dict[str, EdgeHealth] = {}
    for edge_id, told in signs.items():
        before = known.get(edge_id)
        if blind and before is not None and before.alive:
            before = replace(before, memory=replace(before.memory, excused_at=now))
        probes = {name: probed for name, probed in told.probes.items() if name not in cut_off}
        edges[edge_id] = step(before, replace(told, probes=probes), now=now, rules=rules)
    return Outlook(edges, blind)


def _blind(
    known: Mapping[str, EdgeHealth], signs: Mapping[str, Signs], now: float, rules: HealthRules
) -> bool:
    alive = [told for edge_id, told in signs.items() if edge_id in known and known[edge_id].alive]
    if len(alive) < FEWEST:
        return False
    silences = [now - told.heard_at for told in alive]
    return (
        max(silences) >= rules.silence
        and min(silences) >= AT_ONCE * rules.silence
        # A machine that answers that nobody listens is proof that the network works.
        and not any(probed.refused for told in alive for probed in told.probes.values())
    )


def _recent(signs: Mapping[str, Signs], now: float, rules: HealthRules) -> dict[str, Signs]:
    """``signs`` with those probes alone that were made lately."""
    return {
        edge_id: replace(
            told,
            probes={
                name: probed
                for name, probed in told.probes.items()
                if now - probed.at < rules.probe_stale
            },
        )
        for edge_id, told in signs.items()
    }


def _cut_off(signs: Mapping[str, Signs]) -> set[str]:
    """The monitors that no edge answered, of those that asked several."""
    found: dict[str, list[Probed]] = defaultdict(list)
    for told in signs.values():
        for name, probed in told.probes.items():
            found[name].append(probed)
    return {
        name
        for name, each in found.items()
        if len(each) >= FEWEST and all(probed.failures for probed in each)
    }


def admitted(edges: Mapping[str, EdgeHealth]) -> Mapping[str, float]:
    """The edges of a region that take new viewers, with the share of each.

    Silence, draining, maintenance and a credential that was taken back alone take out the last one.
    """
    serving = {
        edge_id: health.share for edge_id, health in edges.items() if health.state in SERVING
    }
    if serving:
        return serving
    best = max((health.spare for health in edges.values()), default=0.0)
    return {edge_id: best for edge_id, health in edges.items() if best and health.spare == best}
