"""The options of ``nearcast simulate``."""

from pathlib import Path
from typing import Any

import click


@click.command()
@click.option("--days", type=int, default=30, show_default=True, help="Days to replay.")
@click.option("--edges", type=int, default=200, show_default=True, help="Edges at the start.")
@click.option("--assets", type=int, default=100_000, show_default=True, help="Assets at the start.")
@click.option("--publishes", type=int, help="New assets a day.  [default: one per 200 assets]")
@click.option("--views", type=float, default=10e6, show_default=True, help="Views a day.")
@click.option("--zipf", type=float, default=0.9, show_default=True, help="How uneven views are.")
@click.option("--copies", type=int, default=2, show_default=True, help="Least copies in a region.")
@click.option(
    "--copy-traffic",
    type=float,
    default=20,
    show_default=True,
    help="What one copy may carry before there are more, in Mbit/s.",
)
@click.option("--disk", default="2TB", show_default=True, metavar="SIZE", help="Of an edge.")
@click.option(
    "--bandwidth", type=float, default=1000, show_default=True, help="Of an edge, in Mbit/s."
)
@click.option(
    "--fill-rate",
    type=float,
    default=200,
    show_default=True,
    help="Of an edge by night, in Mbit/s.",
)
@click.option(
    "--mtbf-days", type=float, default=60, show_default=True, help="Days until an edge fails."
)
@click.option(
    "--mttr-hours", type=float, default=6, show_default=True, help="Hours that it is away then."
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="NAME:UTC_OFFSET:SHARE",
    help="A region, its local time and its part of the viewers, such as eu:+1:0.3; repeatedly.  "
    "[default: four, as in `nearcast up`]",
)
@click.option(
    "--price-origin-terabyte", type=float, default=50, show_default=True, help="A TB it sends."
)
@click.option(
    "--price-edge-terabyte", type=float, default=2, show_default=True, help="A TB that edges send."
)
@click.option(
    "--price-edge-month", type=float, default=120, show_default=True, help="An edge for 30 days."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Another is another month.")
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("simulation"),
    show_default=True,
    help="Folder for report.md, report.json and pictures.",
)
def simulate(*, folder: Path, **given: Any) -> None:
    """Tells what a fleet would do: offload, hits, fill, load and cost.

    Replays publishing and viewing over edges that fail and join, hour by hour, on the planner that
    control planes run, and compares it with as many copies of everything and with no placement.
    """
    from deploy.simulation import options_of, run  # noqa: PLC0415 - roles start faster without it

    run(options_of(given), folder)
