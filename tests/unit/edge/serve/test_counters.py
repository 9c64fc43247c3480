"""What an edge counts, as Prometheus reads it."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from common.metrics import render
from edge.serve.counters import REFUSED, SECONDS, Counters, Reading

PREFIX = "nearcast_edge_"


def counters(*readings: Reading) -> tuple[Counters, CollectorRegistry]:
    registry = CollectorRegistry()
    return Counters(registry, lambda: readings), registry


def told(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """The value of the sample that ``registry``'s text has for ``name`` and ``labels``."""
    for family in text_string_to_metric_families(render(registry).decode()):
        for sample in family.samples:
            if (sample.name, sample.labels) == (PREFIX + name, labels):
                return sample.value
    return None


def test_requests_are_counted_by_status_and_result() -> None:
    counting, registry = counters()
    counting.count(200, "hit", 0, 0.1)
    counting.count(200, "hit", 0, 0.1)
    counting.count(404, "hit", 0, 0.1)

    assert told(registry, "requests_total", status="200", result="hit") == 2


def test_errors_are_those_that_requests_are_not_to_blame_for() -> None:
    counting, _ = counters()
    for status, result in ((200, "hit"), (404, "miss"), (502, "none"), (503, "miss")):
        counting.count(status, result, 0, 0.1)
    counting.count(504, REFUSED, 0, 0.1)

    assert (counting.totals.errors, counting.totals.requests) == (2, 5)


def test_bytes_are_counted_by_result_whatever_the_status() -> None:
    counting, registry = counters()
    counting.count(200, "miss", 100, 0.1)
    counting.count(206, "miss", 20, 0.1)
    counting.count(200, "hit", 3, 0.1)

    assert told(registry, "sent_bytes_total", result="miss") == 120


def test_seconds_to_the_last_byte_are_counted_by_result() -> None:
    counting, registry = counters()
    counting.count(200, "hit", 0, 0.003)

    assert told(registry, "response_seconds_bucket", result="hit", le="0.0025") == 0
    assert told(registry, "response_seconds_bucket", result="hit", le="0.005") == 1


def test_seconds_to_the_first_byte_are_counted_by_result() -> None:
    counting, registry = counters()
    counting.count(200, "hit", 0, 5.0, 0.25)

    assert told(registry, "first_byte_seconds_sum", result="hit") == 0.25


def test_an_answer_without_a_first_byte_has_no_time_of_it() -> None:
    counting, registry = counters()
    counting.count(499, "miss", 0, 5.0)

    assert told(registry, "first_byte_seconds_count", result="miss") == 0


def test_latencies_are_told_from_half_a_millisecond_to_half_a_minute() -> None:
    assert (SECONDS[0], SECONDS[-1], list(SECONDS)) == (0.0005, 30, sorted(SECONDS))


def test_requests_upstream_are_counted_by_outcome() -> None:
    counting, registry = counters()
    counting.count_upstream("answered", 0.5)
    counting.count_upstream("slow", 15.0)
    counting.count_upstream("answered", 0.25)

    assert told(registry, "upstream_first_byte_seconds_count", outcome="answered") == 2


def test_seconds_to_the_head_from_upstream_are_counted_by_outcome() -> None:
    counting, registry = counters()
    counting.count_upstream("answered", 0.5)
    counting.count_upstream("answered", 0.25)

    assert told(registry, "upstream_first_byte_seconds_sum", outcome="answered") == 0.75


def test_totals_count_every_request() -> None:
    counting, _ = counters()
    counting.count(200, "hit", 10, 0.1)
    counting.count(502, "error", 5, 0.1)

    assert counting.totals.requests == 2


def test_totals_count_as_hits_only_what_was_fresh() -> None:
    counting, _ = counters()
    for result in ("hit", "stale", "miss", "collapsed", "hit"):
        counting.count(200, result, 0, 0.1)

    assert counting.totals.hits == 2


def test_totals_count_the_bytes_of_every_result() -> None:
    counting, _ = counters()
    counting.count(200, "hit", 10, 0.1)
    counting.count(502, "error", 5, 0.1)

    assert counting.totals.bytes_sent == 15


def test_a_reading_is_told_as_a_gauge_of_its_present_value() -> None:
    values = iter([10.0, 7.0])
    registry = CollectorRegistry()
    Counters(registry, lambda: [Reading(f"{PREFIX}disk_bytes", "Bytes.", next(values))])

    assert [told(registry, "disk_bytes"), told(registry, "disk_bytes")] == [10, 7]


def test_a_reading_that_only_rises_is_told_as_a_counter() -> None:
    _, registry = counters(Reading(f"{PREFIX}evictions", "Evicted.", 4, rises=True))

    assert told(registry, "evictions_total") == 4


def test_the_types_of_readings_are_told() -> None:
    _, registry = counters(
        Reading(f"{PREFIX}evictions", "Evicted.", 4, rises=True),
        Reading(f"{PREFIX}disk_bytes", "Bytes.", 10),
    )
    lines = render(registry).decode().splitlines()

    assert f"# TYPE {PREFIX}evictions_total counter" in lines
    assert f"# TYPE {PREFIX}disk_bytes gauge" in lines
