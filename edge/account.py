"""What one process of an edge has done, for the one that tells the control plane of all."""

import time

import msgspec

from common.clock import Clock
from common.messages import NetworkSeen, Watched
from edge.serve.counters import Counters, Totals
from edge.store import Cache


class Account(msgspec.Struct, frozen=True):
    """Since the process started, but for what was watched and what players told."""

    totals: Totals
    processor_seconds: float
    disk_errors: int
    watched: tuple[Watched, ...]
    """Since the account before."""
    networks: tuple[NetworkSeen, ...] = ()
    """The same."""


def account_of(counters: Counters, cache: Cache, clock: Clock) -> Account:
    """That of this process. What was watched and told is in no other account than this."""
    return Account(
        counters.totals,
        time.process_time(),
        cache.disk_errors,
        counters.watches.take(clock.monotonic()),
        counters.words.take(),
    )
