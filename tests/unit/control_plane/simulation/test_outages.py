from dataclasses import replace

import numpy as np
import pytest

from control_plane.simulation.options import Options
from control_plane.simulation.outages import fleet_of

OPTIONS = Options(days=60, edges=201, assets=100, mtbf_days=10, mttr_hours=12)


def test_edges_are_spread_over_the_regions_and_named_after_them() -> None:
    fleet = fleet_of(OPTIONS)

    assert len(fleet.names) == len(set(fleet.names)) == 202
    assert [rows.stop - rows.start for rows in fleet.rows] == [52, 50, 50, 50]
    for number, rows in enumerate(fleet.rows):
        assert (fleet.region[rows] == number).all()
        name = OPTIONS.regions[number].name
        assert all(edge.startswith(f"{name}-") for edge in fleet.names[rows])


def test_edges_fail_as_often_and_as_long_as_asked() -> None:
    fleet = fleet_of(OPTIONS)
    others = np.delete(fleet.up, fleet.joined, axis=1)

    assert fleet.failures() == pytest.approx(201 * 60 / 10.5, rel=0.1)
    assert 1 - others.mean() == pytest.approx(0.5 / 10.5, rel=0.1)


def test_one_edge_joins_after_a_third_and_is_not_there_before() -> None:
    fleet = fleet_of(replace(OPTIONS, mtbf_days=36_500))

    assert fleet.joined_hour == OPTIONS.hours // 3
    assert not fleet.up[: fleet.joined_hour, fleet.joined].any()
    assert fleet.up[fleet.joined_hour :, fleet.joined].all()
    assert fleet.names[fleet.joined] == "eu-52"


def test_the_same_seed_is_the_same_fleet_and_another_is_not() -> None:
    one, same, other = (fleet_of(replace(OPTIONS, seed=seed)).up for seed in (1, 1, 2))

    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
