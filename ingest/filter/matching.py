"""Which frames of a video match a block list of perceptual hashes, and what that decides.

Thresholds are those that PDQ's authors start with: a Hamming distance of at most 31 of 256 bits,
and a quality of at least 50 of 100 (github.com/facebook/ThreatExchange, pdq/README.md, "Matching").
As in vPDQ (vpdq/README.md there), frames that are too plain do not count, and a decision takes a
share of those that do. See `nearest` for what is compared.
"""

from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

MAX_DISTANCE: Final = 31
MIN_QUALITY: Final = 50

BITS: Final = 256
NO_MATCH: Final = BITS + 1
"""A distance that no two hashes have."""


class Threshold(msgspec.Struct, frozen=True):
    """From how many matching frames on something is decided; both must be reached."""

    frames: Annotated[int, Meta(ge=1, description="Frames that match, at least.")] = 1
    share: Annotated[
        float, Meta(ge=0, le=1, description="Share of the frames that can match, at least.")
    ] = 0.0

    def reached(self, matching: int, counted: int) -> bool:
        """Whether ``matching`` frames of ``counted`` are enough."""
        return matching >= self.frames and matching >= self.share * counted


class Nearest:
    """For each of some frames, the nearest hash of a list that is shown block by block."""

    def __init__(self, frames: NDArray[np.uint64], *, limit: int) -> None:
        """Args:
        frames: 4 × frames, hashes in words of 64 bits.
        limit: the largest distance that matches.
        """
        self._frames = frames
        self._limit = limit
        count = frames.shape[1]
        self.distances: NDArray[np.int64] = np.full(count, NO_MATCH, np.int64)
        """For each frame, ``NO_MATCH`` where nothing matches."""
        self.places: NDArray[np.int64] = np.zeros(count, np.int64)
        """What the caller calls the nearest hash."""

    def show(self, words: NDArray[np.uint64], places: NDArray[np.int64]) -> None:
        """Compare with a block of hashes, 4 × hashes, and what to call each."""
        size = words.shape[1]
        if not size:
            return
        apart = np.empty(size, np.uint64)
        bits, more = np.empty(size, np.uint8), np.empty(size, np.uint8)
        for frame in range(self._frames.shape[1]):
            hash_ = self._frames[:, frame]
            # Half of the bits tell nearly all that is unlike: they differ in 64 ± 6 of 128.
            np.bitwise_count(np.bitwise_xor(words[0], hash_[0], out=apart), out=bits)
            np.bitwise_count(np.bitwise_xor(words[1], hash_[1], out=apart), out=more)
            bits += more
            near = np.flatnonzero(bits <= self._limit)
            if not near.size:
                continue
            distances = np.bitwise_count(words[:, near] ^ hash_[:, None]).sum(axis=0, dtype=int)
            best = int(distances.argmin())
            if distances[best] <= self._limit and distances[best] < self.distances[frame]:
                self.distances[frame] = distances[best]
                self.places[frame] = places[near[best]]
