"""Prometheus metrics: one registry per running role, and its text form."""

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


def new_registry() -> CollectorRegistry:
    """An empty registry that also tells the process's CPU time, memory and open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """All metrics of ``registry`` in Prometheus' text format."""
    return generate_latest(registry)
