"""Demand that fades: exponential decay whose counts many machines add up by plain addition.

Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay: a practical time decay model
for streaming systems", ICDE 2009): what was watched at t is added with the weight 2^((t - landmark)
/ half_life), and a total is divided by the weight of now when it is read. A total is never touched
between additions, and it does not matter who adds, or in what order.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

DAY = 86400.0
LARGEST_EXPONENT = 256.0
"""Half-lives after which totals are to be renewed. The largest weight is 2^258: beside it a sum has
room for 2^765 before it overflows."""
STEP = 1.0
"""Half-lives that a clock is believed to be ahead of or behind the reference."""


@dataclass(frozen=True)
class Decay:
    """How demand fades, the same for all who add to the same totals. Times are in seconds.

    The reference is the time as those who share the totals last agreed on it. A clock that is
    further from it than a half-life counts as one that is a half-life from it: what a wrong clock
    adds weighs at most twice, and at least half, what it should.
    """

    landmark: float
    """When the weight is 1."""
    reference: float
    """The time that was last agreed on, not before the landmark."""
    half_life: float = DAY
    """After which what was watched counts half."""

    def weight_at(self, now: float) -> float:
        """What to multiply a count by that is added ``now``; from 0.5 to 2^258."""
        return math.exp2(self._age(now))

    def rate(self, total: float, now: float) -> float:
        """Bits per second of a total of weighted bytes, averaged over the time as it fades.

        Bytes that come at an even rate for long give that rate.
        """
        if not math.isfinite(total) or total <= 0:
            return 0.0
        return 8 * math.log(2) / self.half_life * (total / self.weight_at(now))

    def moved(self, now: float) -> "Decay":
        """With the reference at ``now``, or as near to it as one step goes."""
        return replace(self, reference=max(self.landmark, self._believed(now)))

    @property
    def due(self) -> bool:
        """Whether totals are to be renewed."""
        return self._age(self.reference) > LARGEST_EXPONENT

    def renewed(self) -> tuple["Decay", float]:
        """The same with the landmark at the reference, and what to multiply every total by."""
        factor = math.exp2(-self._age(self.reference))
        return replace(self, landmark=self.reference), factor

    def _believed(self, now: float) -> float:
        if math.isnan(now):
            return self.reference
        step = STEP * self.half_life
        return min(max(now, self.reference - step), self.reference + step)

    def _age(self, now: float) -> float:
        age = (self._believed(now) - self.landmark) / self.half_life
        return min(max(age, -STEP), LARGEST_EXPONENT + 2 * STEP)


def expected(others: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The traffic that a new asset is expected to have, by region.

    Args:
        others: the traffic of its creator's other assets, bits per second by region.

    Returns:
        Their mean; none for a creator without any, whose new asset gets the minimum everywhere.
    """
    total: dict[str, float] = {}
    number = 0
    for traffic in others:
        number += 1
        for region, rate in traffic.items():
            if math.isfinite(rate) and rate > 0:
                total[region] = total.get(region, 0.0) + rate
    return {region: rate / number for region, rate in total.items()}


def blended(
    prior: Mapping[str, float], measured: Mapping[str, float], age: float, half_life: float
) -> dict[str, float]:
    """What to expect of an asset that has been watched for ``age`` seconds, by region.

    The measured rate of what is watched evenly since then lacks the part 2^(-age / half_life); that
    part is taken from ``prior``, what was expected when it was new.
    """
    part = math.exp2(-min(max(age / half_life, 0.0), 1000.0))
    return {
        region: prior.get(region, 0.0) * part + measured.get(region, 0.0)
        for region in {**prior, **measured}
    }
