"""Small months that tests replay, each once."""

from dataclasses import replace
from functools import cache

from control_plane.simulation.options import Options
from control_plane.simulation.replay import Outcome, replay
from control_plane.simulation.strategies import strategies_of

SMALL = Options(
    days=3,
    edges=16,
    assets=500,
    views=2e6,
    disk=100 * 10**9,
    bandwidth=2e9,
    mtbf_days=10,
    seed=7,
)
"""All strategies have work to do: edges fail, what is popular wants more copies, a crowd comes."""

QUIET = replace(SMALL, mtbf_days=36_500, days=2)


@cache
def month(options: Options = SMALL) -> Outcome:
    """What a replay of ``options`` found; the same for each call."""
    return replay(options, strategies_of(options), lambda _: None)
