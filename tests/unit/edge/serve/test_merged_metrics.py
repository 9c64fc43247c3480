"""The metrics of several worker processes, told as those of one edge."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families

from common.metrics import new_registry, render
from edge.serve.merged_metrics import merge_expositions

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Each sample's value, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def counted(**values: float) -> str:
    """The text of a worker that counted requests by result."""
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests.", ["result"], registry=registry)
    for result, value in values.items():
        requests.labels(result).inc(value)
    return render(registry).decode()


def observed(*seconds: float) -> str:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "Seconds.", buckets=(1, 2), registry=registry)
    for each in seconds:
        histogram.observe(each)
    return render(registry).decode()


def test_counters_add_up_by_their_labels() -> None:
    merged = samples(merge_expositions([counted(hit=1, miss=2), counted(hit=10, miss=20)]))

    assert merged == {
        ("requests_total", (("result", "hit"),)): 11,
        ("requests_total", (("result", "miss"),)): 22,
    }


def test_labels_that_only_some_workers_have_are_kept() -> None:
    merged = samples(merge_expositions([counted(hit=1), counted(miss=2)]))

    assert merged == {
        ("requests_total", (("result", "hit"),)): 1,
        ("requests_total", (("result", "miss"),)): 2,
    }


def test_histograms_add_up_bucket_by_bucket() -> None:
    merged = samples(merge_expositions([observed(0.5, 5), observed(1.5)]))

    assert merged == {
        ("seconds_bucket", (("le", "1.0"),)): 1,
        ("seconds_bucket", (("le", "2.0"),)): 2,
        ("seconds_bucket", (("le", "+Inf"),)): 3,
        ("seconds_count", ()): 3,
        ("seconds_sum", ()): 7,
    }


def test_gauges_of_sizes_add_up() -> None:
    texts = []
    for size in (100, 20):
        registry = CollectorRegistry()
        Gauge("disk_bytes", "Bytes.", registry=registry).set(size)
        texts.append(render(registry).decode())

    assert samples(merge_expositions(texts)) == {("disk_bytes", ()): 120}


def test_what_a_process_tells_of_itself_is_kept_apart() -> None:
    texts = [render(new_registry()).decode() for _ in range(2)]
    merged = samples(merge_expositions(texts))
    names = {name for name, _ in samples(texts[0])}

    assert set(merged) == {(name, (("worker", each),)) for name in names for each in "01"}


def test_the_numbers_of_a_process_are_its_own() -> None:
    texts = [f"# TYPE process_open_fds gauge\nprocess_open_fds {count}\n" for count in (3, 9)]

    assert samples(merge_expositions(texts)) == {
        ("process_open_fds", (("worker", "0"),)): 3,
        ("process_open_fds", (("worker", "1"),)): 9,
    }


def test_one_worker_alone_is_told_as_it_is() -> None:
    text = observed(0.5) + counted(hit=1)
    begun = {("seconds_created", ()), ("requests_created", (("result", "hit"),))}

    expected = {key: value for key, value in samples(text).items() if key not in begun}
    assert samples(merge_expositions([text])) == expected


def test_a_gauge_that_is_only_named_as_if_it_told_a_beginning_is_kept() -> None:
    text = "# TYPE files_created gauge\nfiles_created 2\n"

    assert samples(merge_expositions([text, text])) == {("files_created", ()): 4}


def test_help_and_types_are_kept() -> None:
    lines = merge_expositions([counted(hit=1), counted(hit=1)]).splitlines()

    assert lines[:2] == ["# HELP requests_total Requests.", "# TYPE requests_total counter"]


def test_labels_that_need_escapes_survive() -> None:
    registry = CollectorRegistry()
    Counter("requests", "Requests.", ["path"], registry=registry).labels('a"\\\nb').inc()
    text = render(registry).decode()

    merged = samples(merge_expositions([text, text]))
    assert merged == {("requests_total", (("path", 'a"\\\nb'),)): 2}


def test_a_text_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="float"):
        merge_expositions([counted(hit=1), 'requests_total{result="h'])
