"""Getting objects from upstream, once for all who wait."""

from edge.fetch.collapse import Fetch, Fetches
from edge.fetch.errors import (
    UpstreamBroke,
    UpstreamRefused,
    UpstreamSlow,
    UpstreamUnknown,
    UpstreamUnreachable,
)
from edge.fetch.upstream import Upstream

__all__ = [
    "Fetch",
    "Fetches",
    "Upstream",
    "UpstreamBroke",
    "UpstreamRefused",
    "UpstreamSlow",
    "UpstreamUnknown",
    "UpstreamUnreachable",
]
