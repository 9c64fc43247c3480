import numpy as np
import pytest

from control_plane.simulation.accounting import EDGE, ORIGIN, SHIELD, Ledger, cost_of, summary
from control_plane.simulation.holding import Cause
from control_plane.simulation.options import Options, Prices
from control_plane.simulation.outages import fleet_of

TB = 1e12
OPTIONS = Options(
    days=2,
    edges=8,
    assets=10,
    mtbf_days=36_500,
    disk=10**12,
    prices=Prices(origin_terabyte=50, edge_terabyte=2, edge_month=120),
)


def ledger() -> Ledger:
    made = Ledger(OPTIONS, fleet_of(OPTIONS))
    made.delivered[:, 0, EDGE] = 0.9 * TB
    made.delivered[:, 1, SHIELD] = 0.06 * TB
    made.delivered[:24, 2, ORIGIN] = 0.04 * TB
    made.requests[:] = made.delivered / 1e6
    made.filled[0, 0, Cause.NEW] = 3 * TB
    made.filled_from_origin[0] = 1 * TB
    made.filled_from_peers[0, 0] = 2 * TB
    return made


def test_offload_counts_what_the_origin_sent_for_viewers_and_for_fill() -> None:
    made = ledger()
    delivered = 48 * 0.96 + 24 * 0.04

    assert made.offload() == pytest.approx(1 - (24 * 0.04 + 1) / delivered)
    first, second = made.offload(daily=True)
    assert first == pytest.approx(1 - (24 * 0.04 + 1) / 24)
    assert second == 1


def test_the_hit_ratio_counts_what_viewers_waited_for() -> None:
    made = ledger()

    assert made.hit_ratio(made.delivered, daily=True) == pytest.approx([0.96, 1])
    assert made.hit_ratio(made.requests) == pytest.approx(made.hit_ratio(made.delivered))


def test_what_nobody_watches_is_no_error() -> None:
    empty = Ledger(OPTIONS, fleet_of(OPTIONS))

    assert empty.offload() == 1
    assert summary(empty)["cost_per_terabyte"] == 0


def test_the_cost_is_what_was_sent_and_the_edges_from_when_they_are_there() -> None:
    cost = cost_of(ledger())

    assert cost.origin == pytest.approx((24 * 0.04 + 1) * 50)
    assert cost.edges_send == pytest.approx((48 * 0.96 + 24 * 0.04 + 2) * 2)
    assert cost.edges == pytest.approx((8 * 48 + 32) / 24 / 30 * 120)
    assert cost.total == pytest.approx(cost.origin + cost.edges_send + cost.edges)


def test_the_highest_load_is_told_relative_to_its_region() -> None:
    made = ledger()
    # Three edges, of which one joins after 16 hours, and two in each of the other regions.
    made.load[:] = np.where(made.fleet.up, 100e6, 0)
    assert made.regional_excess() == pytest.approx(1)

    made.load[20, 1] = 400e6
    assert made.regional_excess()[20] == pytest.approx(2)
    made.load[5, 3] = 300e6
    assert made.regional_excess()[5] == pytest.approx(1.5)
    made.load[5, 2] = 300e6
    assert made.regional_excess()[5] == pytest.approx(1.5), "it was not there yet"


def test_a_summary_adds_up() -> None:
    made = ledger()
    made.load[0, 0] = 1.5e9
    made.used[:] = 0.5e12
    figures = summary(made)

    parts = ("from_edges_bytes", "from_shields_bytes", "from_origin_bytes")
    assert figures["delivered_bytes"] == pytest.approx(sum(figures[name] for name in parts))
    causes = [f"fill_{cause.name.lower()}_bytes" for cause in Cause]
    assert figures["fill_bytes"] == pytest.approx(sum(figures[name] for name in causes))
    assert figures["worst_load_to_bandwidth"] == pytest.approx(1.5)
    assert figures["hours_over_bandwidth"] == 1
    assert figures["over_bandwidth_share"] == pytest.approx(1 / 3)
    assert figures["disk_used_mean"] == pytest.approx(0.5)
    assert figures["origin_peak_bits_per_second"] == pytest.approx(1.04 * TB * 8 / 3600)
