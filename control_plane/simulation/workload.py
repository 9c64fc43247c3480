"""The month that is simulated: who publishes what, and how often each hour of it is watched.

All of it follows from the options and their seed. Popularity is Zipf's law over the catalogue
(Breslau and others, "Web caching and Zipf-like distributions", INFOCOM 1999): an asset's appeal is
that of a rank, and what is new is asked for more until the news is old. Creators have a home, and
half of their audience is there; the rest is spread as viewers are. What people watch in a region
follows the local time. The views of an hour are drawn from Poisson's distribution, so that planner
and caches meet assets as they are: mostly not watched at all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from control_plane.simulation.options import SEGMENT_SECONDS, Options

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAY_SHAPE = (
    *(0.95, 0.72, 0.52, 0.40, 0.34, 0.34, 0.40, 0.52, 0.66, 0.76, 0.82, 0.88),
    *(0.94, 0.97, 0.98, 1.02, 1.08, 1.16, 1.28, 1.45, 1.60, 1.68, 1.56, 1.28),
)
"""Traffic by local hour, as exchange points see it: the evening has five times that of 04:00."""

LADDER_RATE, WATCHED_RATE = 12e6, 3e6
"""Bits per second of all renditions of an asset together, and of what one viewer takes of them."""
WATCHED_SHARE = 0.6
"""The part of an asset that a viewer sees."""
TOUCHED = WATCHED_SHARE * WATCHED_RATE / LADDER_RATE
"""The part of an asset's bytes that one view takes."""
MEDIAN_SECONDS, SPREAD_OF_SECONDS, LONGEST_SECONDS = 120.0, 0.8, 600.0
"""Of an asset; its logarithm is normal. The longest is what ingest takes by default."""
NEWS, NEWS_HALF_LIFE = 15.0, 48.0
"""How many times its appeal more a new asset is asked for, and the hours until half is left."""
NEW_RANK = 100
"""The best rank of a new asset: with its news it is asked for a quarter as much as the first."""
HOME = 0.5
"""The part of a creator's audience that is at home, beside home's part of the rest."""
ASSETS_PER_CREATOR = 50
FLASH_AT, FLASH_HOURS, FLASH_SHARE = 0.6, 3, 0.25
"""The part of the time after which a flash crowd comes, how many hours it stays, and its traffic as
a part of that beside it."""


@dataclass(frozen=True)
class Workload:
    """Assets and their audience. Arrays of assets are in the order of publication."""

    options: Options
    share: Floats
    """Of each region in all views; 1 together."""
    sizes: Floats
    """Bytes of each asset, all renditions."""
    seconds: Floats
    published_hour: Integers
    """The hour in which it appears; below 0 for those that are there at the start."""
    appeal: Floats
    creator: Integers
    audience: Floats
    """Region × asset: the part of its viewers; 1 together."""
    flash_asset: int
    """The asset that a flash crowd comes for."""
    flash_hour: int

    @property
    def view_bytes(self) -> Floats:
        """What a view takes, by asset."""
        return self.sizes * TOUCHED

    @property
    def view_requests(self) -> Floats:
        """Segments that a view takes, of picture and of sound, and three playlists."""
        return 3.0 + 2.0 * np.ceil(self.seconds * WATCHED_SHARE / SEGMENT_SECONDS)

    def newcomers(self, hour: int) -> range:
        """The assets that are published in that hour."""
        first, end = np.searchsorted(self.published_hour, [hour, hour + 1])
        return range(int(first), int(end))

    def usual_rates(self) -> Floats:
        """Region × asset: the views an hour that were expected just before the start, on the mean
        of a day."""
        expected: Floats = self.audience * self._shares(-1) * (self.options.views / 24.0)
        return expected

    def _shares(self, hour: int) -> Floats:
        """Of each asset in all views of that hour."""
        there = self.published_hour <= hour
        age = np.maximum(hour - self.published_hour, 0)
        fresh = NEWS * 2.0 ** (-age / NEWS_HALF_LIFE)
        weight = np.where(there, self.appeal * (1.0 + fresh), 0.0)
        shares: Floats = weight / weight.sum()
        return shares

    def rates(self, hour: int) -> Floats:
        """Region × asset: the views that are expected in that hour."""
        asset = self._shares(hour)
        if self.flash_hour <= hour < self.flash_hour + FLASH_HOURS:
            mean = (asset * self.sizes).sum() / self.sizes[self.flash_asset]
            asset[self.flash_asset] += FLASH_SHARE * mean
        cycle = np.array([day_cycle(hour + region.utc_offset) for region in self.options.regions])
        expected: Floats = self.audience * asset * (self.options.views / 24.0 * cycle)[:, None]
        return expected

    def views(self, hour: int) -> Floats:
        """Region × asset: the views of that hour, whole numbers, the same for each call."""
        chance = np.random.default_rng([self.options.seed, 1, hour])
        return chance.poisson(self.rates(hour)).astype(np.float64)


def day_cycle(local_hour: float) -> float:
    """How much more than on the day's average is watched; 1 on average."""
    mean = sum(DAY_SHAPE) / len(DAY_SHAPE)
    whole = int(local_hour // 1)
    part = local_hour - whole
    before, after = DAY_SHAPE[whole % 24], DAY_SHAPE[(whole + 1) % 24]
    return (before * (1.0 - part) + after * part) / mean


def _hours_before(options: Options) -> int:
    """How long before the start publishing began."""
    return max(1, round(options.assets / max(options.published, 1) * options.hours))


def workload_of(options: Options) -> Workload:
    """The workload that ``options`` and their seed ask for."""
    chance = np.random.default_rng([options.seed, 0])
    total = options.all_assets
    share = np.array([region.share for region in options.regions], dtype=np.float64)
    share /= share.sum()
    published = np.sort(
        np.concatenate(
            [
                # As many a day as later, so that news is as usual at the start as it is then.
                chance.integers(-_hours_before(options), 0, options.assets),
                chance.integers(0, options.hours, options.published),
            ]
        )
    )
    ranks = np.concatenate(
        [
            chance.permutation(options.assets) + 1,
            chance.integers(min(NEW_RANK, options.assets), options.assets + 1, options.published),
        ]
    )
    seconds = np.clip(
        chance.lognormal(np.log(MEDIAN_SECONDS), SPREAD_OF_SECONDS, total), 5.0, LONGEST_SECONDS
    )
    busy = chance.lognormal(0.0, 0.25, total)
    creators = max(1, total // ASSETS_PER_CREATOR)
    home = chance.choice(len(share), creators, p=share)
    creator = chance.integers(0, creators, total)
    audience = np.repeat(share[:, None] * (1.0 - HOME), total, axis=1)
    audience[home[creator], np.arange(total)] += HOME
    flash_hour = int(options.hours * FLASH_AT)
    # The newest that is there: nothing is known of it but its creator.
    flash_asset = int(np.searchsorted(published, flash_hour, side="right")) - 1
    return Workload(
        options=options,
        share=share,
        sizes=np.ceil(seconds * busy * LADDER_RATE / 8.0),
        seconds=seconds,
        published_hour=published,
        appeal=ranks.astype(np.float64) ** -options.zipf,
        creator=creator,
        audience=audience,
        flash_asset=flash_asset,
        flash_hour=flash_hour,
    )
