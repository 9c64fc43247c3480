"""What a simulation found, as a table, a page of Markdown and a JSON document."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from control_plane.simulation import workload
from control_plane.simulation.accounting import summary
from control_plane.simulation.demand import HALF_LIFE_HOURS
from control_plane.simulation.holding import WINDOW
from control_plane.simulation.options import Options
from control_plane.simulation.replay import PATIENCE_HOURS, Outcome
from control_plane.simulation.strategies import STRATEGIES


def _percent(value: float) -> str:
    return f"{value * 100:.2f} %"


def _nearly_all(value: float) -> str:
    return f"{value * 100:.3f} %"


def _bytes(value: float) -> str:
    if not value:
        return "0"
    if value >= 1e12:
        return f"{value / 1e12:,.1f} TB"
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"


def _gigabits(value: float) -> str:
    return f"{value / 1e9:,.2f} Gbit/s"


def _times(value: float) -> str:
    return f"×{value:.2f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


ROWS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("offload: bytes not from the origin, fill included", "offload", _nearly_all),
    ("hit ratio, bytes", "hit_ratio_bytes", _nearly_all),
    ("hit ratio, requests", "hit_ratio_requests", _nearly_all),
    ("found where it was placed", "placed_share", _nearly_all),
    ("sent to viewers", "delivered_bytes", _bytes),
    ("sent by the origin to viewers", "from_origin_bytes", _bytes),
    ("sent by the origin for fill", "fill_from_origin_bytes", _bytes),
    ("busiest hour of the origin", "origin_peak_bits_per_second", _gigabits),
    ("fill, all of it", "fill_bytes", _bytes),
    ("fill, of what viewers got", "fill_share", _percent),
    ("fill of new assets", "fill_new_bytes", _bytes),
    ("fill of copies lost with edges", "fill_lost_bytes", _bytes),
    ("fill as popularity moves", "fill_popularity_bytes", _bytes),
    ("fill of edges that come", "fill_joined_bytes", _bytes),
    ("highest load of an edge, of its region's mean", "worst_load_to_mean", _times),
    ("the same in the median hour", "usual_load_to_mean", _times),
    ("highest load of an edge, of its bandwidth", "worst_load_to_bandwidth", _percent),
    ("hours with an edge beyond its bandwidth", "hours_over_bandwidth", _whole),
    ("sent beyond the bandwidth of edges", "over_bandwidth_share", _percent),
    ("disk used by copies, on average", "disk_used_mean", _percent),
    ("disk used by copies, at most", "disk_used_most", _percent),
    ("changes of the plan", "placements_changed", _whole),
    ("cost of what the origin sends", "cost_origin", _whole),
    ("cost of what edges send", "cost_edges_send", _whole),
    ("cost of edges", "cost_edges", _whole),
    ("cost, all of it", "cost_total", _whole),
    ("cost of a TB to viewers", "cost_per_terabyte", "{:.2f}".format),
)
"""What a table tells: in words, the key in the figures, and how it is written."""


def summaries(outcome: Outcome) -> dict[str, dict[str, float]]:
    """The figures of each strategy."""
    return {name: summary(ledger) for name, ledger in outcome.ledgers.items()}


def table(found: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Rows of text: the words, then each strategy."""
    return [
        [words, *(write(figures[key]) for figures in found.values())] for words, key, write in ROWS
    ]


def document(outcome: Outcome, seconds: float, memory: int) -> dict[str, Any]:
    """Everything that the report tells, for programs.

    Args:
        outcome: what was found.
        seconds: of a processor core that it took.
        memory: bytes at most.
    """
    return {
        "options": msgspec.to_builtins(outcome.workload.options),
        "failures": outcome.fleet.failures(),
        "joined_hour": outcome.fleet.joined_hour,
        "flash_hour": outcome.workload.flash_hour,
        "processor_seconds": round(seconds, 1),
        "memory_bytes": memory,
        "strategies": summaries(outcome),
        "by_day": {
            name: {
                "offload": ledger.offload(daily=True).tolist(),
                "hit_ratio_bytes": ledger.hit_ratio(ledger.delivered, daily=True).tolist(),
                "hit_ratio_requests": ledger.hit_ratio(ledger.requests, daily=True).tolist(),
                "delivered_bytes": ledger.by_day(ledger.delivered.sum(axis=(1, 2))).tolist(),
                "fill_bytes": ledger.by_day(ledger.filled.sum(axis=(1, 2))).tolist(),
            }
            for name, ledger in outcome.ledgers.items()
        },
    }


def markdown(outcome: Outcome, seconds: float, memory: int, pictures: Mapping[str, str]) -> str:
    """The report as Markdown, beside the pictures of those file names with their titles."""
    options = outcome.workload.options
    found = summaries(outcome)
    lines = [
        f"# {options.title}",
        "",
        f"Replayed by `nearcast simulate` in {seconds:,.0f} s of a core and {memory / 1e9:.2f} GB.",
        "",
        f"| | {' | '.join(found)} |",
        f"|---|{'---:|' * len(found)}",
        *(f"| {' | '.join(row)} |" for row in table(found)),
        "",
        *(f"- **{name}**: {STRATEGIES[name]}" for name in found),
        "",
    ]
    for name, title in pictures.items():
        lines += [f"![{title}]({name})", ""]
    return "\n".join([*lines, _assumptions(outcome, options)])


def _assumptions(outcome: Outcome, options: Options) -> str:
    prices = options.prices
    regions = ", ".join(
        f"{region.name} (UTC{region.utc_offset:+g}, {share:.0%} of views)"
        for region, share in zip(options.regions, outcome.workload.share, strict=True)
    )
    mean_size = float(outcome.workload.sizes.mean())
    daily = options.published // options.days
    assumed = f"""- Regions: {regions}, with as many edges each. Each edge has
  {options.disk / 1e12:g} TB of disk and {options.bandwidth / 1e9:g} Gbit/s.
- {options.assets:,} assets at the start and {daily:,} new ones a day, of {mean_size / 1e6:,.0f} MB
  on average (log-normal); {options.views:,.0f} views a day, each of {workload.TOUCHED:.0%} of an
  asset's bytes, more or less of them by local time.
- Popularity: Zipf's law with the exponent {options.zipf:g}. A new asset is asked for
  {workload.NEWS + 1:g} times as much at first; of that surplus half is left after
  {workload.NEWS_HALF_LIFE / 24:g} days, and its rank is {workload.NEW_RANK} at best. Of a creator's
  audience {workload.HOME:.0%} is at home, the rest where viewers are.
- A flash crowd adds {workload.FLASH_SHARE:.0%} to all traffic for {workload.FLASH_HOURS} hours from
  hour {outcome.workload.flash_hour} on, all for the newest asset. One more edge joins at hour
  {outcome.fleet.joined_hour}.
- An edge fails every {options.mtbf_days:g} days and is away for {options.mttr_hours:g} hours, on
  average: {outcome.fleet.failures()} times here. After {PATIENCE_HOURS} hour its copies are placed
  elsewhere; it comes back with its disk.
- The planner makes {options.copies} copies of an asset in each region, and more where one would
  carry above {options.copy_traffic / 1e6:g} Mbit/s. It knows the counts of hours that are over,
  with a half-life of {HALF_LIFE_HOURS:g} hours, and of a new asset how its creator's others do.
- Edges fill between {WINDOW[0]:02}:00 and {WINDOW[1]:02}:00 local time at
  {options.fill_rate / 1e6:g} Mbit/s each; what is new, was lost or is crowded at once, as
  fast as they can.
- What is placed nowhere in a region is asked of its shield there, the first edge by hash, which
  pulls each segment once and keeps it on free disk (least recently used, in steps of an hour). A
  region without edges is served by the origin.
- Viewers of an asset spread evenly over its copies. An edge may send more than its bandwidth here;
  the table tells how much that is.
- At the start all is in its place: copies, and in shields what is asked for most.
- Prices in US dollars: {prices.origin_terabyte:g} for a TB from the origin,
  {prices.edge_terabyte:g} for a TB from an edge, {prices.edge_month:g} for an edge and 30 days.
"""
    items = [" ".join(item.split()) for item in assumed.split("\n- ")]
    lines = [
        textwrap.fill(item.removeprefix("- "), 100, initial_indent="- ", subsequent_indent="  ")
        for item in items
    ]
    return "\n".join(["## What is assumed", "", *lines, ""])
