"""Whether a store is well."""

from origin.replicas.health import FAILURES, StoreHealth


def test_a_store_is_away_after_failures_in_a_row_and_told_once() -> None:
    health = StoreHealth()
    told = [health.failed(f"reason {number}") for number in range(FAILURES + 2)]

    assert told == [number == FAILURES - 1 for number in range(FAILURES + 2)]
    assert health.away
    assert health.reason == f"reason {FAILURES + 1}"


def test_one_answer_brings_it_back() -> None:
    health = StoreHealth()
    for _ in range(FAILURES):
        health.failed("reason")

    assert health.succeeded()
    assert not health.away
    assert not health.succeeded()


def test_failures_with_answers_between_are_none_in_a_row() -> None:
    health = StoreHealth()
    for _ in range(3 * FAILURES):
        health.failed("reason")
        health.succeeded()

    assert not health.away
