"""What a simulation assumes of viewers, assets, edges and prices."""

import re
from dataclasses import dataclass

from common.errors import NearcastError

MONTH_DAYS = 30.0
"""Days of the month that edges are paid for by."""

SEGMENT_SECONDS = 6.0
"""Of a segment, as ingest makes them."""


class OptionInvalid(NearcastError):
    """--{option}: {given} is not {expected}."""

    status = 422


@dataclass(frozen=True)
class SimulatedRegion:
    """Where a part of the viewers and of the edges is."""

    name: str
    utc_offset: float
    """Hours that local time is ahead of UTC."""
    share: float
    """Its part of all views, 0 to 1."""


REGIONS = (
    SimulatedRegion("eu", 1.0, 0.30),
    SimulatedRegion("us", -5.0, 0.30),
    SimulatedRegion("ap", 8.0, 0.30),
    SimulatedRegion("sa", -3.0, 0.10),
)
"""Those of `nearcast up`."""


@dataclass(frozen=True)
class Prices:
    """What things cost, in any one currency; the defaults are assumptions in US dollars."""

    origin_terabyte: float = 50.0
    """Sending 10^12 bytes from an object store of a large cloud."""
    edge_terabyte: float = 2.0
    """Sending 10^12 bytes from a rented server."""
    edge_month: float = 120.0
    """A rented server with the disk and the port of an edge."""


@dataclass(frozen=True)
class Options:
    """What to simulate."""

    days: int = 30
    edges: int = 200
    """At the start; one more joins after a third of the time."""
    assets: int = 100_000
    """Published before the start."""
    publishes: int | None = None
    """New assets a day; None for one per 200 ``assets``."""
    views: float = 10e6
    """Views a day, all regions together."""
    zipf: float = 0.9
    """The exponent: the asset of rank k is watched k^-zipf times as much as the first."""
    copies: int = 2
    """The least copies of an asset in each region."""
    copy_traffic: float = 20e6
    """Bits per second that one copy may carry before the planner makes another."""
    seed: int = 1
    disk: int = 2 * 10**12
    """Bytes that an edge may hold."""
    bandwidth: float = 1e9
    """Bits per second that an edge can send."""
    mtbf_days: float = 60.0
    """Days that an edge runs until it fails, on average."""
    mttr_hours: float = 6.0
    """Hours that it is away then, on average."""
    fill_rate: float = 200e6
    """Bits per second that an edge may take by fill within the window."""
    regions: tuple[SimulatedRegion, ...] = REGIONS
    prices: Prices = Prices()

    @property
    def published(self) -> int:
        """Assets that are published during the simulation."""
        daily = max(1, self.assets // 200) if self.publishes is None else self.publishes
        return daily * self.days

    @property
    def all_assets(self) -> int:
        """Assets there are at the end."""
        return self.assets + self.published

    @property
    def title(self) -> str:
        """What is simulated, in a few words."""
        return f"{self.days} day{'s' * (self.days != 1)} on {self.edges:,} edges"

    @property
    def hours(self) -> int:
        """Steps of the simulation."""
        return self.days * 24


@dataclass(frozen=True)
class Bounds:
    """What an option may be."""

    least: float
    most: float
    unit: str = ""

    def __str__(self) -> str:
        number = "a number" if isinstance(self.least, float) else "a whole number"
        unit = f" {self.unit}" if self.unit else ""
        return f"{number} from {self.least:,.12g} to {self.most:,.12g}{unit}"


BOUNDS = {
    "days": Bounds(1, 366),
    "edges": Bounds(1, 2000),
    "assets": Bounds(1, 1_000_000),
    "publishes": Bounds(0, 100_000, "a day"),
    "views": Bounds(1.0, 1e11, "a day"),
    "zipf": Bounds(0.0, 3.0),
    "copies": Bounds(0, 100),
    "copy_traffic": Bounds(1e3, 1e12, "bit/s"),
    "seed": Bounds(0, 2**32 - 1),
    "disk": Bounds(10**9, 10**15, "bytes"),
    "bandwidth": Bounds(1e6, 1e12, "bit/s"),
    "mtbf_days": Bounds(0.1, 36_500.0, "days"),
    "mttr_hours": Bounds(0.1, 8_760.0, "hours"),
    "fill_rate": Bounds(1e6, 1e12, "bit/s"),
}

LARGEST = 400_000_000
"""Edges times assets that fit in 2 GB of memory."""


def check(options: Options) -> Options:
    """``options``, when they can be simulated.

    Raises:
        OptionInvalid: one is out of its bounds, or they are too much together.
    """
    for name, bounds in BOUNDS.items():
        given = getattr(options, name)
        # What is no number at all is not between two either.
        if given is not None and not bounds.least <= given <= bounds.most:
            raise OptionInvalid(
                option=name.replace("_", "-"), given=f"{given:,}", expected=str(bounds)
            )
    for name in ("origin_terabyte", "edge_terabyte", "edge_month"):
        given = getattr(options.prices, name)
        if not 0 <= given <= 1e9:
            raise OptionInvalid(
                option=f"price-{name.replace('_', '-')}",
                given=f"{given:,}",
                expected="a price from 0 to 1,000,000,000",
            )
    _check_regions(options)
    if (options.edges + 1) * options.all_assets > LARGEST:
        raise OptionInvalid(
            option="assets",
            given=f"{options.all_assets:,} with what is published",
            expected=f"at most {LARGEST // (options.edges + 1):,} with {options.edges:,} edges, "
            "which is what 2 GB of memory hold",
        )
    return options


def _check_regions(options: Options) -> None:
    names = [region.name for region in options.regions]
    if not 1 <= len(names) <= 32 or len(set(names)) != len(names):
        raise OptionInvalid(
            option="region",
            given=", ".join(names) or "nothing",
            expected="1 to 32 names, each once",
        )
    for region in options.regions:
        if not (-12 <= region.utc_offset <= 14 and 0 < region.share <= 1e6):
            raise OptionInvalid(
                option="region",
                given=f"{region.name}:{region.utc_offset:g}:{region.share:g}",
                expected="NAME:UTC_OFFSET:SHARE with -12 to 14 hours and a share above 0",
            )
    if options.edges < len(names):
        raise OptionInvalid(
            option="edges",
            given=f"{options.edges:,}",
            expected=f"enough for one in each of {len(names)} regions",
        )


def parse_region(text: str) -> SimulatedRegion:
    """The region that ``NAME:UTC_OFFSET:SHARE`` names, such as ``eu:+1:0.3``.

    Raises:
        OptionInvalid: it names none.
    """
    match = re.fullmatch(
        r"([a-z][a-z0-9-]{0,31}):([+-]?\d{1,2}(?:\.\d{1,2})?):(\d{1,6}(?:\.\d{1,6})?)",
        text,
        re.ASCII,
    )
    if match is None:
        raise OptionInvalid(
            option="region", given=repr(text), expected="NAME:UTC_OFFSET:SHARE such as eu:+1:0.3"
        )
    return SimulatedRegion(match[1], float(match[2]), float(match[3]))
