"""The pictures of a report: traffic, hits, load, fill and copies."""

from itertools import pairwise

import numpy as np

from control_plane.simulation.accounting import EDGE, ORIGIN, SHIELD, Ledger
from control_plane.simulation.charts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    Axis,
    Kind,
    Panel,
    Series,
    picture,
    round_up,
)
from control_plane.simulation.holding import WINDOW, Cause
from control_plane.simulation.replay import Outcome
from control_plane.simulation.workload import Floats

STYLES = ((BLUE, ""), (ORANGE, "7 3"), (GREEN, "2 3"))
"""Of the strategies, in their order."""

GIGABITS = 8.0 / 3600.0 / 1e9
"""Gbit/s of a byte an hour."""

CAUSES = {
    Cause.NEW: ("new assets", BLUE),
    Cause.LOST: ("copies lost with edges", RED),
    Cause.POPULARITY: ("popularity", ORANGE),
    Cause.JOINED: ("edges that come", SKY),
}


TITLES = {
    "traffic.svg": "Traffic over the time",
    "hits.svg": "Hits and offload by day",
    "load.svg": "Load of edges, of their bandwidth",
    "fill.svg": "Fill by local hour",
    "copies.svg": "Copies by popularity",
}
"""The titles of the pictures, by the names of their files."""


def pictures(outcome: Outcome) -> dict[str, str]:
    """The pictures as SVG, by the names of their files."""
    made = (_traffic, _hits, _load, _fill, _copies)
    return {name: make(outcome, TITLES[name]) for name, make in zip(TITLES, made, strict=True)}


def _planned(outcome: Outcome) -> tuple[str, Ledger]:
    return next(iter(outcome.ledgers.items()))


def _days(outcome: Outcome) -> Axis:
    days = outcome.workload.options.days
    ticks = [float(day) for day in range(0, days + 1, max(1, -(-days // 10)))]
    return Axis("day", 0.0, float(days), ticks=ticks)


def _hourly(outcome: Outcome) -> list[float]:
    return [hour / 24.0 for hour in range(outcome.workload.options.hours)]


def _percent(value: float) -> str:
    return f"{value * 100:.4g} %"


def _traffic(outcome: Outcome, title: str) -> str:
    name, ledger = _planned(outcome)
    gigabits = ledger.delivered.sum(axis=1) * GIGABITS
    parts = (("origin", ORIGIN, RED), ("shields", SHIELD, ORANGE), ("edges", EDGE, BLUE))
    sent = {strategy: other.from_origin() * GIGABITS for strategy, other in outcome.ledgers.items()}
    return picture(
        title,
        f"Above, strategy “{name}”: what viewers got, by where it was found. Below: all that left "
        "the origin, fill included.",
        [
            Panel(
                Kind.AREAS,
                _hourly(outcome),
                [Series(told, gigabits[:, place].tolist(), color) for told, place, color in parts],
                _days(outcome),
                Axis("Gbit/s to viewers", 0.0, round_up(float(gigabits.sum(axis=1).max()))),
            ),
            Panel(
                Kind.LINES,
                _hourly(outcome),
                _of_strategies(sent),
                _days(outcome),
                Axis("Gbit/s from the origin", 0.0, round_up(_highest(sent))),
            ),
        ],
    )


def _of_strategies(values: dict[str, Floats]) -> list[Series]:
    return [
        Series(name, each.tolist(), *style)
        for (name, each), style in zip(values.items(), STYLES, strict=False)
    ]


def _highest(values: dict[str, Floats]) -> float:
    return max(float(each.max()) for each in values.values())


def _daily(outcome: Outcome, title: str, by_strategy: dict[str, Floats]) -> Panel:
    days = outcome.workload.options.days
    lowest = min(float(values.min()) for values in by_strategy.values())
    # What matters is how far from all it is.
    low = max(0.0, 1.0 - round_up(1.0 - lowest)) if lowest < 1.0 else 0.99
    return Panel(
        Kind.LINES,
        [day + 0.5 for day in range(days)],
        _of_strategies(by_strategy),
        _days(outcome),
        Axis(title, low, 1.0, _percent),
    )


def _hits(outcome: Outcome, title: str) -> str:
    return picture(
        title,
        "Hits: bytes that did not wait for the origin. Offload: bytes that the origin did not "
        "send, for fill either.",
        [
            _daily(
                outcome,
                "hit ratio, bytes",
                {
                    name: ledger.hit_ratio(ledger.delivered, daily=True)
                    for name, ledger in outcome.ledgers.items()
                },
            ),
            _daily(
                outcome,
                "offload",
                {name: ledger.offload(daily=True) for name, ledger in outcome.ledgers.items()},
            ),
        ],
    )


def _load(outcome: Outcome, title: str) -> str:
    name, ledger = _planned(outcome)
    bandwidth = ledger.options.bandwidth
    up = outcome.fleet.up
    load = ledger.load / bandwidth
    own = [
        Series("highest", load.max(axis=1).tolist(), RED),
        Series("mean", (load.sum(axis=1) / np.maximum(up.sum(axis=1), 1)).tolist(), BLUE),
        Series("lowest", np.where(up, load, np.inf).min(axis=1).clip(max=1e9).tolist(), GREY),
    ]
    worst = {
        strategy: (other.load.max(axis=1).reshape(-1, 24).max(axis=1) / bandwidth)
        for strategy, other in outcome.ledgers.items()
    }
    return picture(
        title,
        f"Above, strategy “{name}” by the hour, all regions; below, each day's busiest hour of any "
        "edge.",
        [
            Panel(
                Kind.LINES,
                _hourly(outcome),
                own,
                _days(outcome),
                Axis("load", 0.0, round_up(float(load.max())), _percent),
            ),
            Panel(
                Kind.LINES,
                [day + 0.5 for day in range(outcome.workload.options.days)],
                _of_strategies(worst),
                _days(outcome),
                Axis("highest load", 0.0, round_up(_highest(worst)), _percent),
            ),
        ],
    )


def _fill(outcome: Outcome, title: str) -> str:
    name, ledger = _planned(outcome)
    options = outcome.workload.options
    by_hour = np.zeros((24, len(Cause)))
    for number, region in enumerate(options.regions):
        local = np.floor(np.arange(options.hours) + region.utc_offset).astype(int) % 24
        np.add.at(by_hour, local, ledger.filled[:, number])
    terabytes = by_hour / options.days / 1e12
    series = [
        Series(told, terabytes[:, cause].tolist(), color) for cause, (told, color) in CAUSES.items()
    ]
    return picture(
        title,
        f"Strategy “{name}”: what edges fill, and why. What is urgent is filled at any hour.",
        [
            Panel(
                Kind.BARS,
                [float(hour) for hour in range(24)],
                series,
                Axis("local hour", 0.0, 24.0, ticks=[float(hour) for hour in range(0, 25, 3)]),
                Axis("TB a day", 0.0, round_up(float(terabytes.sum(axis=1).max()))),
                shaded=(float(WINDOW[0]), float(WINDOW[1]), "window of other fill"),
            )
        ],
    )


def _copies(outcome: Outcome, title: str) -> str:
    order = np.argsort(-outcome.popularity, kind="stable")
    bounds = np.unique(np.geomspace(1, len(order) + 1, 60).astype(int))
    middles = [float(np.sqrt(a * max(a, b - 1))) for a, b in pairwise(bounds)]
    shown = {name: copies for name, copies in outcome.copies.items() if copies.any()}
    means = {
        name: np.array([copies[order[a - 1 : b - 1]].mean() for a, b in pairwise(bounds)])
        for name, copies in shown.items()
    }
    highest = max(16.0, *(float(values.max()) for values in means.values()), 0.0)
    ranks = [10.0**power for power in range(len(str(len(order))))]
    return picture(
        title,
        "Copies in all regions together at the end, of assets from the most watched to the least.",
        [
            Panel(
                Kind.LINES,
                middles,
                _of_strategies(means),
                Axis(
                    "rank by what is watched",
                    1.0,
                    float(len(order)) + 1.0,
                    "{:,.0f}".format,
                    ranks,
                    logarithmic=True,
                ),
                Axis(
                    "copies",
                    0.5,
                    highest * 1.1,
                    ticks=[2.0**power for power in range(12) if 2.0**power <= highest],
                    logarithmic=True,
                ),
            )
        ],
    )
