"""What heartbeats say of health, whatever order they come in."""

from typing import Any

import pytest

from control_plane.health import EdgeNameTaken, accepts
from tests.unit.control_plane.records import heartbeat

SILENCE = 3.0


def news(known: dict[str, Any], told: dict[str, Any], *, age: float = 1.0) -> bool:
    return accepts(heartbeat(**known), 1000.0, heartbeat(**told), now=1000.0 + age, silence=SILENCE)


def test_the_next_heartbeat_is_news() -> None:
    assert news({"sequence": 5}, {"sequence": 6})


def test_a_replay_is_no_news() -> None:
    assert not news({"sequence": 5}, {"sequence": 5})


def test_a_straggler_is_no_news() -> None:
    assert not news({"sequence": 5}, {"sequence": 4})


def test_a_replay_is_no_news_however_long_ago() -> None:
    assert not news({"sequence": 5}, {"sequence": 5}, age=3600)


def test_a_restarted_edge_is_news() -> None:
    assert news({"sequence": 500, "started_at": 100}, {"sequence": 1, "started_at": 200})


def test_an_earlier_run_that_still_reports_is_told_that_its_name_is_taken() -> None:
    with pytest.raises(EdgeNameTaken, match="Another edge reports as eu-1"):
        news({"sequence": 1, "started_at": 200}, {"sequence": 500, "started_at": 100})


def test_a_second_edge_with_the_name_is_refused_while_the_first_reports() -> None:
    with pytest.raises(EdgeNameTaken, match=r"from https://eu-1\.example\.org"):
        news({"sequence": 5}, {"sequence": 1, "started_at": 200, "url": "https://other.test"})


def test_a_run_at_another_url_is_refused_even_with_the_same_start() -> None:
    with pytest.raises(EdgeNameTaken):
        news({"sequence": 5}, {"sequence": 6, "url": "https://other.test"})


def test_an_edge_that_moved_is_believed_once_it_reports_from_its_old_place_no_more() -> None:
    assert news({"sequence": 5}, {"sequence": 1, "url": "https://other.test"}, age=3)


def test_an_edge_whose_clock_was_set_back_is_believed_after_silence() -> None:
    assert news({"sequence": 5, "started_at": 200}, {"sequence": 1, "started_at": 100}, age=3)


def test_after_the_clock_was_set_back_an_earlier_run_is_believed() -> None:
    assert news({"sequence": 5, "started_at": 200}, {"sequence": 1, "started_at": 100}, age=-3600)
