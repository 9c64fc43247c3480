"""Steering manifests: which pathway a player is to use (rfc8216bis §7.1)."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

VERSION: Final = 1

HERE: Final = "here"
"""The pathway of what a playlist names: the edge that it came from. Steering adds the others."""


class PathwayClone(msgspec.Struct, frozen=True):
    """A pathway with the renditions of another, on another host (rfc8216bis §7.2)."""

    pathway: str
    base: str
    """The pathway whose URIs it has."""
    host: str
    """The host in those URIs, which keep scheme and port: hls.js and Shaka Player ignore a host
    that has a port."""


def steering_manifest(
    *, seconds: int, reload: str, priority: Sequence[str], clones: Sequence[PathwayClone] = ()
) -> dict[str, Any]:
    """The manifest, ready to be JSON.

    Args:
        seconds: how long a player waits before it asks again.
        reload: the URI where it asks.
        priority: pathways, the one to prefer first.
        clones: pathways that the multivariant playlist does not name.
    """
    return {
        "VERSION": VERSION,
        "TTL": seconds,
        "RELOAD-URI": reload,
        "PATHWAY-PRIORITY": list(priority),
        "PATHWAY-CLONES": [
            {"BASE-ID": one.base, "ID": one.pathway, "URI-REPLACEMENT": {"HOST": one.host}}
            for one in clones
        ],
    }
