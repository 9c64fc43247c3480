"""Metrics: a registry per role, in the form that Prometheus reads."""

from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from common.metrics import new_registry, render


def test_what_is_counted_is_told() -> None:
    registry = new_registry()
    Counter("requests", "Requests.", ["lane"], registry=registry).labels("express").inc(3)

    families = {
        each.name: each for each in text_string_to_metric_families(render(registry).decode())
    }

    sample = next(each for each in families["requests"].samples if each.name == "requests_total")
    assert (sample.labels, sample.value) == ({"lane": "express"}, 3.0)


def test_the_process_tells_its_own_numbers() -> None:
    told = render(new_registry()).decode()

    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"):
        assert f"\n{name} " in told


def test_roles_do_not_share_their_numbers() -> None:
    registry = new_registry()
    Counter("requests", "Requests.", registry=registry).inc()

    assert b"requests_total" not in render(new_registry())
