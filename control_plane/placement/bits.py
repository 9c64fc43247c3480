"""Rows of bits: which are set."""

import numpy as np
from numpy.typing import NDArray

from control_plane.placement.scores import Ints, Keys


def flags(bits: Keys) -> NDArray[np.bool_]:
    """Every bit of each row."""
    words = bits.astype("<u8", copy=False)
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").view(np.bool_)


def unpacked(bits: Keys) -> tuple[Ints, Ints]:
    """The row and the number of every bit that is set, in this order."""
    octets = bits.astype("<u8", copy=False).view(np.uint8).reshape(-1)
    # Most have none, and these are passed over.
    some = np.flatnonzero(octets != 0)
    found = np.flatnonzero(np.unpackbits(octets[some], bitorder="little").view(np.bool_))
    numbers = 8 * some[found >> 3] + (found & 7)
    width = 64 * bits.shape[1]
    rows = numbers // width
    return rows, numbers - rows * width
