from dataclasses import replace

import numpy as np
import pytest

from control_plane.simulation.accounting import EDGE, ORIGIN, SHIELD
from control_plane.simulation.holding import Cause
from control_plane.simulation.replay import replay
from control_plane.simulation.strategies import STRATEGIES, strategies_of
from tests.unit.control_plane.simulation.months import QUIET, SMALL, month

every_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


@every_strategy
def test_viewers_get_every_byte_and_segment_that_they_ask_for(strategy: str) -> None:
    outcome = month()
    ledger, workload = outcome.ledgers[strategy], outcome.workload
    for hour in range(SMALL.hours):
        views = workload.views(hour)

        assert ledger.views[hour] == views.sum()
        asked = (views * workload.view_bytes).sum(axis=1)
        assert ledger.delivered[hour].sum(axis=1) == pytest.approx(asked)
        segments = (views * workload.view_requests).sum(axis=1)
        assert ledger.requests[hour].sum(axis=1) == pytest.approx(segments)
    assert (ledger.delivered >= 0).all()


@every_strategy
def test_what_edges_send_is_what_viewers_and_peers_get(strategy: str) -> None:
    ledger = month().ledgers[strategy]
    sent = ledger.load.sum(axis=1, dtype=np.float64) * 3600 / 8
    got = ledger.delivered.sum(axis=(1, 2)) + ledger.filled_from_peers.sum(axis=1)

    assert sent == pytest.approx(got, rel=1e-4)


@every_strategy
def test_what_is_filled_comes_from_the_origin_or_from_peers(strategy: str) -> None:
    ledger = month().ledgers[strategy]
    sources = ledger.filled_from_origin + ledger.filled_from_peers.sum(axis=1)

    assert ledger.filled.sum(axis=(1, 2)) == pytest.approx(sources)


@every_strategy
def test_edges_that_are_away_send_nothing_and_no_disk_overflows(strategy: str) -> None:
    outcome = month()
    ledger, up = outcome.ledgers[strategy], outcome.fleet.up

    assert (ledger.load[~up] == 0).all()
    assert ledger.load[up].any()
    assert ledger.used.max() <= SMALL.disk


def test_the_same_options_are_the_same_month_and_another_seed_is_not() -> None:
    first = month(QUIET)
    again = replay(QUIET, strategies_of(QUIET), lambda _: None)
    other = month(replace(QUIET, seed=8))
    for name in STRATEGIES:
        ledger = first.ledgers[name]

        assert np.array_equal(ledger.load, again.ledgers[name].load)
        assert np.array_equal(ledger.delivered, again.ledgers[name].delivered)
        assert np.array_equal(ledger.filled, again.ledgers[name].filled)
        assert not np.array_equal(ledger.delivered, other.ledgers[name].delivered)


def test_lost_copies_are_filled_anew_when_edges_fail_and_only_then() -> None:
    failing, quiet = month(), month(QUIET)

    assert failing.fleet.failures() > 3
    assert failing.ledgers["planned"].filled[:, :, Cause.LOST].sum() > 0
    assert quiet.fleet.failures() == 0
    assert quiet.ledgers["planned"].filled[:, :, Cause.LOST].sum() == 0


def test_an_edge_that_joins_is_given_its_share() -> None:
    outcome = month(QUIET)
    fleet, ledger = outcome.fleet, outcome.ledgers["planned"]
    used = ledger.used[-1, fleet.rows[0]]

    assert (ledger.used[: fleet.joined_hour, fleet.joined] == 0).all()
    assert used[fleet.joined] > 0.5 * used.mean()
    assert ledger.filled[:, :, Cause.JOINED].sum() >= used[fleet.joined] * 0.5


def test_pulling_alone_places_and_fills_nothing() -> None:
    ledger = month().ledgers["pull only"]

    assert ledger.filled.sum() == ledger.used.sum() == ledger.moved.sum() == 0
    assert ledger.delivered[:, :, EDGE].sum() == 0
    assert ledger.delivered[:, :, SHIELD].sum() > ledger.delivered[:, :, ORIGIN].sum() > 0


def test_what_is_watched_more_has_more_copies_when_the_planner_may_give_them() -> None:
    outcome = month()
    most = np.argsort(-outcome.popularity)[:5]

    assert outcome.copies["planned"][most].mean() > outcome.copies["copies fixed"][most].mean()
    assert outcome.copies["copies fixed"].max() <= SMALL.copies * len(SMALL.regions)
    assert outcome.copies["pull only"].max() == 0


def test_every_hour_is_told() -> None:
    told: list[int] = []
    replay(replace(QUIET, days=1), strategies_of(QUIET), told.append)

    assert told == list(range(1, 25))


def test_a_region_without_any_edge_is_served_by_the_origin() -> None:
    options = replace(QUIET, edges=4, mtbf_days=0.5, mttr_hours=12)
    outcome = month(options)
    alone = next(
        (hour, region)
        for region, rows in enumerate(outcome.fleet.rows)
        for hour in range(options.hours)
        if not outcome.fleet.up[hour, rows].any()
    )

    for ledger in outcome.ledgers.values():
        edges, shields, origin = ledger.delivered[alone]
        assert edges == 0
        assert shields < 1, "bytes, of rounding"
        assert origin > 0
