"""Made-up requests on which eviction policies are compared: object, and its bytes."""

import math
import random
from collections.abc import Iterator
from itertools import accumulate

Trace = list[tuple[int, int]]

SEGMENT_SECONDS = 6.0
BITRATES = (400_000, 1_200_000, 3_500_000, 6_000_000)
"""Bits per second of the renditions."""


def zipf(*, objects: int, requests: int, alpha: float, seed: int) -> Trace:
    """Independent requests, the n-th object asked for in proportion to n to the power -alpha."""
    chance = random.Random(seed)
    sizes = _sizes(objects, chance)
    weights = list(accumulate((rank + 1) ** -alpha for rank in range(objects)))
    names = list(range(objects))
    chance.shuffle(names)
    picked = chance.choices(names, cum_weights=weights, k=requests)
    return [(name, sizes[name]) for name in picked]


def zipf_with_scans(*, objects: int, requests: int, alpha: float, seed: int) -> Trace:
    """The same, a fifth of it in runs over objects that are asked for once."""
    chance = random.Random(seed + 1)
    trace = zipf(objects=objects, requests=requests * 4 // 5, alpha=alpha, seed=seed)
    scans = _sizes(requests - len(trace), chance)
    runs = 10
    length = len(scans) // runs
    for run in range(runs):
        place = len(trace) * run // runs + run * length
        scanned = range(run * length, (run + 1) * length)
        trace[place:place] = [(objects + number, scans[number]) for number in scanned]
    return trace


def video_sessions(*, objects: int, requests: int, seed: int) -> Trace:
    """Sessions of HLS players.

    A session asks for playlists and init segment, then for segment after segment of one rendition;
    some leave soon, some switch rendition or seek. What is popular drifts: new assets rise and old
    ones fall.
    """
    chance = random.Random(seed)
    segments = 50
    assets = max(20, objects // (segments * len(BITRATES)))
    sessions = [_session(chance, 0, assets, segments) for _ in range(200)]
    trace: Trace = []
    while len(trace) < requests:
        number = chance.randrange(len(sessions))
        step = next(sessions[number], None)
        if step is None:
            progress = len(trace) / requests
            sessions[number] = _session(chance, progress, assets, segments)
        else:
            trace.append(step)
    return trace


def _session(
    chance: random.Random, progress: float, assets: int, segments: int
) -> Iterator[tuple[int, int]]:
    # The most popular asset is another one as time goes by; half of all are new in the end.
    rank = int(min(assets - 1, chance.paretovariate(0.9) - 1))
    asset = (int(progress * assets / 2) + rank) % (assets + assets // 2)
    rendition = chance.choices(range(len(BITRATES)), (1, 2, 4, 3))[0]
    base = asset * 10_000
    yield base, 1500
    yield base + 1 + rendition, 3000
    yield base + 11 + rendition, 900
    place = 0
    while place < segments:
        size = int(BITRATES[rendition] / 8 * SEGMENT_SECONDS * (0.7 + (place * 37 % 60) / 100))
        yield base + 100 + rendition * 1000 + place, size
        watched = place * SEGMENT_SECONDS
        if chance.random() < (0.09 if watched < 30 else 0.015):
            return
        if chance.random() < 0.02:
            rendition = max(0, min(len(BITRATES) - 1, rendition + chance.choice((-1, 1))))
        place += 1 if chance.random() > 0.01 else chance.randrange(2, 20)


def _sizes(count: int, chance: random.Random) -> list[int]:
    """Bytes of web objects: most are small, a few are large."""
    return [
        min(64 * 1024 * 1024, max(200, int(math.exp(chance.gauss(9.5, 1.7))))) for _ in range(count)
    ]
