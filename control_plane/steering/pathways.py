"""Which edges can be pathways beside that of a playlist: a clone of it has another host, and no
other scheme or port (rfc8216bis §7.2)."""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from common.hls import HERE
from control_plane.routing import EdgeFacts


def clonable(edges: Sequence[EdgeFacts]) -> list[EdgeFacts]:
    """Those of ``edges`` that are reached as the first one is, which a playlist comes from."""
    reached = [(edge, _address(edge.url)) for edge in edges]
    first = next((scheme for _, (scheme, host) in reached if host), None)
    return [
        edge
        for edge, (scheme, host) in reached
        # A pathway of the name that the playlist's own has would be none.
        if host and scheme == first and edge.edge_id != HERE
    ]


def host(edge: EdgeFacts) -> str:
    """The host of an edge, in brackets where it is an IPv6 address; empty when its URL has none."""
    return _address(edge.url)[1]


@lru_cache(maxsize=4096)
def _address(url: str) -> tuple[str, str]:
    """Scheme and port, and the host; both empty for what is no URL: edges tell theirs."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}:{port or usual}", f"[{name}]" if ":" in name else name
