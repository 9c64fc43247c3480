"""Rendezvous hashing: every node has a score for every key, and the highest scores win.

A node that joins takes only what it wins, a node that leaves gives up only what it had, and nobody
needs to remember anything (Thaler and Ravishankar, "Using name-based mappings to increase hit
rates", IEEE/ACM Transactions on Networking 6(1), 1998).
"""

from collections.abc import Iterable
from hashlib import blake2b


def score(key: str, node: str) -> int:
    """The score of ``node`` for ``key``: 64 bits, the same in every process and release."""
    return int.from_bytes(blake2b(f"{key}\0{node}".encode(), digest_size=8).digest())


def ranked(key: str, nodes: Iterable[str]) -> list[str]:
    """``nodes`` from the highest score for ``key`` to the lowest."""
    return sorted(nodes, key=lambda node: (score(key, node), node), reverse=True)
