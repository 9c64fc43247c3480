"""Which edge of a region asks the origin for a key: its shield, by rendezvous hash.

Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on
Networking 6 (1998): when an edge comes or goes, only the keys that it wins change hands.
"""

import hashlib
from collections.abc import Iterable


def shield_of(key: str, edges: Iterable[str]) -> str:
    """The name among ``edges``, of which there is one at least, that has ``key``."""
    return max(edges, key=lambda edge: (_score(key, edge), edge))


def _score(key: str, edge: str) -> bytes:
    return hashlib.blake2b(f"{edge}\n{key}".encode(), digest_size=8).digest()
