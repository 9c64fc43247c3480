"""Weighted rendezvous hashing of many assets at once: the lowest cost wins.

The score of an edge of weight w for an asset is -w / ln(u), with u uniform in (0, 1) from the hash
of both (Resch, "New hashing algorithms for data storage", SNIA SDC 2015; the logarithmic method of
Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005). Here it stands upside
down, as the cost -ln(u) / w: that is exponential with the rate w, so each edge has the least with a
chance in proportion to its weight, and an edge that joins wins from all others alike.

The hash of two names is the product of their keys, made odd: its high bits are as good as random
where the keys are (Dietzfelbinger et al., "A reliable randomized algorithm for the closest-pair
problem", Journal of Algorithms 25, 1997), and nothing is cheaper.
"""

import numpy as np
import xxhash
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CUT = np.uint64(12)


def key_of(name: str) -> int:
    """64 bits of ``name``, the last of them 1, the same in every process and release."""
    return xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) | 1


def draws(assets: Keys, edges: Keys) -> Floats:
    """-ln(u) of pairs of keys, as they broadcast; always above 0.

    52 bits and a half make u, which keeps it off 0 and 1.
    """
    product = assets * edges
    product >>= _CUT
    drawn = product.astype(np.float64)
    drawn += 0.5
    drawn *= 2.0**-52
    np.log(drawn, out=drawn)
    np.negative(drawn, out=drawn)
    return drawn


def low(assets: Keys, edge: int, part: float) -> Ints:
    """The places of the keys whose draw with that of ``edge`` is among the lowest, ``part`` of all
    there may be."""
    if part >= 1:
        return np.arange(len(assets))
    least = np.uint64(int((1 - part) * 2**64))
    return np.flatnonzero(assets * np.uint64(edge) >= least)
