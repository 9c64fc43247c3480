"""How long the planner takes, and how much it moves: ``python -m tests.bench.placement``.

A catalogue by Zipf's law is planned on four regions of edges from nothing, then come events of
every kind; then the same on edges that have room for less than one copy of everything. Times are
those of the processor, on which nothing else of the program runs; memory is the largest that the
process had, its lists of what came in and out included.
"""

import gc
import math
import resource
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np

from control_plane.placement import Placed, PlacementAsset, PlacementEdge, Plan

RESULTS = Path(__file__).parent / "results" / "placement.md"
REGIONS = ("ap", "eu", "sa", "us")
TRAFFIC = 5e9
"""Bits per second that an edge serves on average."""


@dataclass(frozen=True)
class Scale:
    """How much is planned."""

    assets: int
    edges: int
    """In each region."""
    events: int
    """Of each kind; of edges, a tenth."""


WHOLE, QUICK = Scale(1_000_000, 100, 500), Scale(20_000, 20, 50)


ROOMY, FULL = 4.0, 0.78
"""What a region holds: so many copies of everything, were each of 2 GB. Of the second 0.7 of one
can be planned."""


def fleet(scale: Scale, region: str, room: float) -> list[PlacementEdge]:
    """Edges that hold their part of ``room`` copies of everything."""
    capacity = int(room * scale.assets * 2_000_000_000) // scale.edges
    return [
        PlacementEdge(f"{region}-{number:03d}", region, capacity, 10_000_000_000)
        for number in range(scale.edges)
    ]


def catalogue(scale: Scale) -> Iterator[PlacementAsset]:
    """Popularity by Zipf's law, otherwise in each region; sizes by a log-normal law."""
    rng = np.random.default_rng(7)
    top = scale.edges * TRAFFIC / (math.log(scale.assets) + 0.577)
    sizes = rng.lognormal(math.log(1.3e9), 1.0, scale.assets)
    uneven = rng.uniform(0.5, 1.5, (scale.assets, len(REGIONS)))
    for rank in range(scale.assets):
        rates = (uneven[rank] * top / (1 + rank)).tolist()
        traffic = dict(zip(REGIONS, rates, strict=True))
        yield PlacementAsset(f"asset-{rank:07d}", int(sizes[rank]), traffic)


class Bench:
    """A plan, and a copy of what it answered."""

    def __init__(self, scale: Scale, room: float) -> None:
        self.scale, self.plan, self.rng = scale, Plan(), np.random.default_rng(11)
        self.edges = [edge for region in REGIONS for edge in fleet(scale, region, room)]
        self.sizes = {one.asset_id: one.bytes for one in catalogue(scale)}
        self.placed: dict[str, tuple[str, ...]] = {}
        self.lines: list[str] = []

    def say(self, what: str, figure: str) -> None:
        """Print and keep a row of the table."""
        click.echo(f"{what}: {figure}")
        self.lines.append(f"| {what} | {figure} |")

    def run(self) -> None:
        """Everything, in turn."""
        self.load()
        self.events("publish", self.publish)
        self.events("delete", self.delete)
        self.events("drift", self.drift)
        self.moves()
        self.evenness("at the end")

    def run_full(self) -> None:
        """The same events where there is not room for all."""
        self.load()
        self.events("publish", self.publish)
        self.events("drift", self.drift)
        self.events("delete", self.delete)
        self.moves()
        self.evenness("at the end")

    def load(self) -> None:
        """Plan from nothing."""
        began = time.process_time()
        told = self.plan.load(self.edges, catalogue(self.scale))
        took = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.say("from nothing", f"{took:.1f} s")
        self.say("peak memory", f"{peak:.0f} MB")
        self.note(told)
        del told
        # What the bench itself keeps is not the planner's to be looked through.
        gc.freeze()
        self.say("copies", f"{sum(map(len, self.placed.values())):,}")
        self.evenness("from nothing")

    def note(self, told: Collection[Placed]) -> None:
        """Keep what the plan answered."""
        self.placed.update({one.asset_id: one.edges for one in told})

    def events(self, name: str, event: Callable[[], Collection[Placed]]) -> None:
        """Time one kind of event."""
        times, changed = [], 0
        for _ in range(self.scale.events):
            began = time.process_time()
            told = list(event())
            times.append(time.process_time() - began)
            changed += len(told)
            self.note(told)
        figures = f"p50 {percentile(times, 50)}, p99 {percentile(times, 99)}"
        self.say(name, f"{figures}; {changed / len(times):.2f} assets changed by each")

    def publish(self) -> Collection[Placed]:
        """A new asset, a little watched everywhere."""
        name = f"new-{len(self.sizes)}"
        self.sizes[name] = int(self.rng.lognormal(math.log(1.3e9), 1.0))
        rates = dict(zip(REGIONS, self.rng.uniform(0, 3e8, len(REGIONS)).tolist(), strict=True))
        return self.plan.put_asset(PlacementAsset(name, self.sizes[name], rates))

    def delete(self) -> Collection[Placed]:
        """Any asset."""
        return self.plan.drop_asset(f"asset-{self.rng.integers(self.scale.assets):07d}")

    def drift(self) -> Collection[Placed]:
        """One of the most watched assets is watched anew."""
        rank = int(self.rng.integers(self.scale.assets // 100))
        rates = dict(zip(REGIONS, self.rng.uniform(0, 1e9, len(REGIONS)).tolist(), strict=True))
        return self.plan.drift({f"asset-{rank:07d}": rates})

    def moves(self) -> None:
        """Edges leave and come back."""
        number = max(self.scale.events // 20, 1)
        chosen = [self.edges[at * 7 % len(self.edges)] for at in range(number)]
        left: list[tuple[float, float, float]] = []
        came: list[tuple[float, float, float]] = []
        for edge in chosen:
            share = self.held(edge.edge_id)
            took, named, moved = self.timed(partial(self.plan.drop_edge, edge.edge_id))
            left.append((took, named, moved / share))
        for edge in chosen:
            took, named, moved = self.timed(partial(self.plan.put_edge, edge))
            came.append((took, named, moved / self.held(edge.edge_id)))
        for name, figures in (("an edge leaves", left), ("an edge joins", came)):
            times, names, parts = (list(each) for each in zip(*figures, strict=True))
            decided = f"p50 {percentile(times, 50)}, p99 {percentile(times, 99)}"
            self.say(name, f"{decided}; then naming p50 {percentile(names, 50)}")
            self.say(
                f"bytes moved when {name}, by its own share",
                f"{sum(parts) / len(parts):.3f}, at most {max(parts):.3f}",
            )

    def timed(self, event: Callable[[], Collection[Placed]]) -> tuple[float, float, float]:
        """The seconds that an event takes, those of naming what changed, and the bytes moved."""
        began = time.process_time()
        changed = event()
        took = time.process_time() - began
        told = list(changed)
        named = time.process_time() - began - took
        moved = sum(
            self.sizes[one.asset_id] * len(set(one.edges) - set(self.placed[one.asset_id]))
            for one in told
        )
        self.note(told)
        return took, named, float(moved)

    def held(self, edge: str) -> int:
        """The bytes placed on an edge."""
        return sum(self.sizes[name] for name, edges in self.placed.items() if edge in edges)

    def evenness(self, when: str) -> None:
        """The largest load of an edge beside the mean of its region."""
        size: dict[str, float] = {}
        for name, edges in self.placed.items():
            for edge in edges:
                size[edge] = size.get(edge, 0.0) + self.sizes[name]
        traffic = {
            name: float(region.load[slot])
            for region in self.plan._regions.values()
            for name, slot in region.slots.items()
        }
        largest = largest_by_mean(size), largest_by_mean(traffic)
        self.say(
            f"largest load by the mean of its region, {when}",
            f"{largest[0]:.3f} of bytes, {largest[1]:.3f} of traffic",
        )


def largest_by_mean(loads: Mapping[str, float]) -> float:
    """Over all regions."""
    largest = 0.0
    for region in REGIONS:
        here = [load for edge, load in loads.items() if edge.startswith(region)]
        largest = max(largest, max(here) * len(here) / sum(here))
    return largest


def percentile(times: list[float], part: int) -> str:
    """In milliseconds."""
    return f"{float(np.percentile(times, part)) * 1e3:.1f} ms"


@click.command()
@click.option("--quick", is_flag=True, help="A fiftieth of the assets; the results are not kept.")
def main(quick: bool) -> None:
    """Plan, and print a table."""
    scale = QUICK if quick else WHOLE
    roomy = Bench(scale, ROOMY)
    roomy.run()
    roomy.plan, roomy.placed = Plan(), {}
    click.echo("a full fleet")
    full = Bench(scale, FULL)
    full.run_full()
    if not quick:
        title = f"# Placement: {scale.assets:,} assets on {len(REGIONS)} x {scale.edges} edges\n"
        note = (
            "What `make bench-placement` printed: time of one core. What an event of an asset\n"
            "changed is named within it; when an edge leaves or joins, that names all edges of\n"
            "all it held, in portions, after it was decided.\n"
        )
        head = "| what | figure |\n|---|---|"
        second = "## A full fleet: room for 0.7 of one copy of everything\n"
        rows = [head, *roomy.lines, "", second, head, *full.lines, ""]
        RESULTS.write_text("\n".join([title, note, *rows]))


if __name__ == "__main__":
    main()
