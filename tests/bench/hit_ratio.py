"""Hit ratios of the edge's eviction beside its rivals: ``python -m tests.bench.hit_ratio``.

The offline optimum for objects of different sizes is NP-hard; what stands in for it evicts the
object whose next request is farthest away, and never stores what is asked for no more (Belady).
"""

import hashlib
import heapq
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

import click

from edge.policy.eviction import LARGEST_SHARE, Eviction, note_use
from tests.bench.traces import Trace, video_sessions, zipf, zipf_with_scans

SHARES = (0.01, 0.05, 0.2)
"""Sizes of the cache, as parts of the bytes of all objects."""


class Policy(Protocol):
    """A cache that is asked for one object after another."""

    def request(self, name: int, size: int) -> bool:
        """Whether it had the object; it may have it from now on."""
        ...


class Lru:
    """The least recently used leaves."""

    def __init__(self, budget: int, largest: float = 1.0) -> None:
        self._budget, self._largest = budget, budget * largest
        self._sizes: OrderedDict[int, int] = OrderedDict()
        self._used = 0

    def request(self, name: int, size: int) -> bool:
        if name in self._sizes:
            self._sizes.move_to_end(name)
            return True
        if size <= self._largest:
            self._sizes[name] = size
            self._used += size
            while self._used > self._budget:
                self._used -= self._sizes.popitem(last=False)[1]
        return False


class Sieve:
    """SIEVE: Zhang et al., NSDI 2024; a hand goes from old to new past what was used."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._sizes: dict[int, int] = {}
        self._visited: set[int] = set()
        self._older: deque[int] = deque()
        """Before the hand, the next one at the left."""
        self._newer: deque[int] = deque()
        """Behind it, the oldest at the left."""
        self._used = 0

    def request(self, name: int, size: int) -> bool:
        if name in self._sizes:
            self._visited.add(name)
            return True
        if size > self._budget // LARGEST_SHARE:
            return False
        while self._used + size > self._budget:
            self._evict()
        self._sizes[name] = size
        self._used += size
        self._older.append(name)
        return False

    def _evict(self) -> None:
        while True:
            if not self._older:
                self._older, self._newer = self._newer, self._older
            name = self._older.popleft()
            if name not in self._visited:
                self._used -= self._sizes.pop(name)
                return
            self._visited.discard(name)
            self._newer.append(name)


class Ours:
    """The edge's own class, driven as its store drives it."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._uses = bytearray(1 << 22)
        self._eviction = Eviction(budget, self._uses)
        self._numbers: dict[int, int] = {}
        self._names: dict[int, int] = {}
        self._next = 1

    def request(self, name: int, size: int) -> bool:
        number = self._numbers.get(name)
        if number is not None:
            note_use(self._uses, number)
            return True
        fingerprint = int.from_bytes(hashlib.blake2b(b"%d" % name, digest_size=8).digest())
        if not self._eviction.admits(size, fingerprint):
            return False
        for victim in self._eviction.victims(
            self._eviction.total + size - self._budget, lambda _: False
        ):
            del self._numbers[self._names.pop(victim)]
        self._numbers[name], self._names[self._next] = self._next, name
        self._eviction.add(self._next, size, fingerprint)
        self._next += 1
        return False


class Belady:
    """Knows the future."""

    def __init__(self, budget: int, trace: Trace) -> None:
        self._budget = budget
        self._following = [len(trace)] * len(trace)
        last: dict[int, int] = {}
        for place in range(len(trace) - 1, -1, -1):
            self._following[place] = last.get(trace[place][0], len(trace) + place)
            last[trace[place][0]] = place
        self._end = len(trace)
        self._place = -1
        self._sizes: dict[int, int] = {}
        self._when: dict[int, int] = {}
        self._heap: list[tuple[int, int]] = []
        self._used = 0

    def request(self, name: int, size: int) -> bool:
        self._place += 1
        following = self._following[self._place]
        had = name in self._sizes
        if following >= self._end:
            if had:
                self._used -= self._sizes.pop(name)
                del self._when[name]
            return had
        if not had:
            if size > self._budget:
                return False
            self._sizes[name] = size
            self._used += size
        self._when[name] = following
        heapq.heappush(self._heap, (-following, name))
        while self._used > self._budget:
            farthest, other = heapq.heappop(self._heap)
            if self._when.get(other) == -farthest:
                self._used -= self._sizes.pop(other)
                del self._when[other]
        return had


def ratios(policy: Policy, trace: Trace) -> tuple[float, float]:
    """Hits by requests and by bytes, both in percent; the first tenth only warms the cache."""
    warm = len(trace) // 10
    hits = hit_bytes = total_bytes = 0
    for place, (name, size) in enumerate(trace):
        had = policy.request(name, size)
        if place >= warm:
            total_bytes += size
            hits += had
            hit_bytes += size * had
    return 100 * hits / (len(trace) - warm), 100 * hit_bytes / total_bytes


@click.command()
@click.option("--objects", default=50_000, show_default=True)
@click.option("--requests", default=400_000, show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(objects: int, requests: int, seed: int) -> None:
    """Prints a table for each trace: hits in percent of requests / of bytes."""
    traces: dict[str, Trace] = {
        "Zipf 0.8": zipf(objects=objects, requests=requests, alpha=0.8, seed=seed),
        "Zipf 1.0": zipf(objects=objects, requests=requests, alpha=1.0, seed=seed),
        "Zipf 1.0 with scans": zipf_with_scans(
            objects=objects, requests=requests, alpha=1.0, seed=seed
        ),
        "video sessions": video_sessions(objects=objects, requests=requests, seed=seed),
    }
    began = time.monotonic()
    for title, trace in traces.items():
        footprint = sum(dict(trace).values())
        once = sum(1 for count in Counter(name for name, _ in trace).values() if count == 1)
        click.echo(
            f"\n{title}: {len(trace):,} requests, {len(dict(trace)):,} objects "
            f"({once:,} asked for once), {footprint / 1e9:.2f} GB\n"
        )
        click.echo("| policy | " + " | ".join(f"{share:.0%}" for share in SHARES) + " |")
        click.echo("|---" * (len(SHARES) + 1) + "|")
        policies: dict[str, Callable[[int], Policy]] = {
            "LRU": Lru,
            "LRU, nothing above an eighth": lambda budget: Lru(budget, 1 / LARGEST_SHARE),
            "SIEVE": Sieve,
            "S3-FIFO (the edge's)": Ours,
            "offline optimum, nearly": lambda budget, known=trace: Belady(budget, known),  # type: ignore[misc]  # bound now
        }
        for name, make in policies.items():
            cells = []
            for share in SHARES:
                by_request, by_byte = ratios(make(int(footprint * share)), trace)
                cells.append(f"{by_request:.1f} / {by_byte:.1f}")
            click.echo(f"| {name} | " + " | ".join(cells) + " |")
    click.echo(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
