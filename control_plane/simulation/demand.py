"""What the planner knows of popularity: counts that decay, as control planes keep them.

Hour by hour and of all assets at once, this is what ``placement.popularity`` says one by one. The
planner hears of an asset when what it is watched has changed enough to matter, and of all hours but
the one that runs.
"""

import numpy as np
from numpy.typing import NDArray

from control_plane.placement.popularity import DAY
from control_plane.simulation.workload import Floats, Workload

HALF_LIFE_HOURS = DAY / 3600.0
"""After which a view counts half."""
CHANGED = 1.5
"""How many times more or less an asset must be watched to be told anew."""
FLOOR = 20_000.0
"""Bits per second in a region below which more or less is the same: a view in twenty minutes."""


class Demand:
    """Region × asset: how much is watched, in bits per second."""

    def __init__(self, rates: Floats) -> None:
        self._decay = 0.5 ** (1.0 / HALF_LIFE_HOURS)
        self.rates = rates.copy()
        self._told = rates.copy()

    def expect(self, assets: NDArray[np.int64], rates: Floats) -> None:
        """Begins with what new ``assets`` (region × asset) are expected to be watched."""
        self.rates[:, assets] = rates
        self._told[:, assets] = rates

    def take_in(self, watched: Floats) -> None:
        """Takes in an hour: bits per second, region × asset."""
        self.rates *= self._decay
        self.rates += (1.0 - self._decay) * watched

    def changed(self) -> NDArray[np.int64]:
        """The assets that are to be told, which are told with that."""
        now, told = self.rates + FLOOR, self._told + FLOOR
        changed = ((now > told * CHANGED) | (told > now * CHANGED)).any(axis=0)
        assets = np.flatnonzero(changed)
        self._told[:, assets] = self.rates[:, assets]
        return assets


class Audiences:
    """What assets that nobody has watched yet are expected to be watched."""

    def __init__(self, workload: Workload) -> None:
        self._creator = workload.creator

    def of(self, assets: NDArray[np.int64], rates: Floats) -> Floats:
        """Region × asset: as the creator's other assets are on average, which ``rates`` tells.

        The first asset of a creator is expected to be watched by nobody.
        """
        if not len(assets):
            return np.zeros((len(rates), 0))
        others = np.arange(len(self._creator)) < assets[0]
        creators = self._creator[others]
        counts = np.bincount(creators, minlength=int(self._creator.max()) + 1)
        sums = np.array(
            [
                np.bincount(creators, weights=region[others], minlength=len(counts))
                for region in rates
            ]
        )
        found: Floats = (sums / np.maximum(counts, 1))[:, self._creator[assets]]
        return found
