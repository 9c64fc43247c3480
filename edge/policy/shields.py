"""Which edges to ask before the origin: the shield of an asset, then others, by rendezvous hash.

Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6 (1998): when an edge comes or goes, only the keys that it wins change hands.
"""

import hashlib
from collections.abc import Iterable


def subject_of(key: str) -> str:
    """What has one shield: all objects of an asset; anything else by itself."""
    parts = key.split("/", 2)
    return "/".join(parts[:2]) if len(parts) == 3 and parts[0] == "v" else key


def ranking(subject: str, edges: Iterable[str]) -> list[str]:
    """The names ``edges``, the shield of ``subject`` first, then who takes its place."""
    return sorted(edges, key=lambda edge: (_score(subject, edge), edge), reverse=True)


def shield_of(subject: str, edges: Iterable[str]) -> str:
    """The name among ``edges``, of which there is one at least, that has ``subject``."""
    return max(edges, key=lambda edge: (_score(subject, edge), edge))


def _score(subject: str, edge: str) -> bytes:
    return hashlib.blake2b(f"{edge}\n{subject}".encode(), digest_size=8).digest()
