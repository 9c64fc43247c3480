"""The metrics of several worker processes as those of one edge."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector, CollectorRegistry

OWN = ("process_", "python_")
"""Begin the names of what belongs to one process, and is told by each with a label of its own."""
BEGAN = "_created"
"""Ends the names of gauges that tell when the counter named before it began."""


def merge_expositions(texts: Iterable[str]) -> str:
    """The samples of all ``texts`` (Prometheus' text format), added up by name and labels.

    What belongs to one process is told of each, with its place in ``texts`` as the label
    ``worker``. When a counter began is left out: a sum has no such moment.

    It takes some milliseconds a text, which a thread should spend.

    Raises:
        ValueError: one of them is no such text.
    """
    merged: dict[str, Metric] = {}
    sums: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    for worker, text in enumerate(texts):
        for family in text_string_to_metric_families(text):
            if family.name.endswith(BEGAN) and family.name.removesuffix(BEGAN) in merged:
                continue
            merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            own = {"worker": str(worker)} if family.name.startswith(OWN) else {}
            of_family = sums.setdefault(family.name, {})
            for sample in family.samples:
                labels = tuple(sorted({**sample.labels, **own}.items()))
                key = sample.name, labels
                of_family[key] = of_family.get(key, 0.0) + sample.value
    for name, family in merged.items():
        for (sample_name, labels), value in sums[name].items():
            family.add_sample(sample_name, dict(labels), value)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(tuple(merged.values())))
    return generate_latest(registry).decode()


class _Families(Collector):
    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
