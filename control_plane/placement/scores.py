"""Weighted rendezvous hashing of many assets at once: the lowest cost wins.

The score of an edge of weight w for an asset is -w / ln(u), with u uniform in (0, 1) from the hash
of both (Resch, "New hashing algorithms for data storage", SNIA SDC 2015; the logarithmic method of
Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005). Here it stands upside
down, as the cost -ln(u) / w: that is exponential with the rate w, so each edge has the least with a
chance in proportion to its weight, and an edge that joins wins from all others alike.
"""

import numpy as np
import xxhash
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_HALF, _CUT = np.uint64(33), np.uint64(12)


def key_of(name: str) -> int:
    """64 bits of ``name``, the same in every process and release."""
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"))


def draws(assets: Keys, edges: Keys) -> Floats:
    """-ln(u) of pairs of keys, as they broadcast; always above 0.

    The keys are mixed by the finaliser of MurmurHash3. 52 bits and a half make u, which keeps it
    off 0 and 1.
    """
    mixed = assets ^ edges
    for factor in (_FIRST, _SECOND):
        mixed ^= mixed >> _HALF
        mixed *= factor
    mixed ^= mixed >> _HALF
    mixed >>= _CUT
    drawn = mixed.astype(np.float64)
    drawn += 0.5
    drawn *= 2.0**-52
    np.log(drawn, out=drawn)
    np.negative(drawn, out=drawn)
    return drawn
