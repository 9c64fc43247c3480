"""Finds an address in the search tree of a database in MaxMind's format: a binary tree, a bit of
the address for each step (MaxMind DB File Format Specification 2.0, "Binary Search Tree Section").

The first steps are looked up in a table; each of the others reads one number of an array. The
library's own look-up begins at the root, and puts every number together out of bytes.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from maxminddb.reader import Metadata
from numpy.typing import NDArray

from control_plane.routing.clients import Address

SEPARATOR: Final = 16
"""Bytes between the tree and the records."""
_TABLE: Final = 16
"""Bits of an address whose way stands in the table: 256 KiB for each version of IP."""
_SLAB: Final = 1 << 17
"""Nodes that are read at a time; these take about 5 MB while they are."""
_ZEROS: Final = bytes(12)
"""What stands before an IPv4 address in a tree of IPv6 addresses."""
_BITS: Final = tuple(tuple(byte >> shift & 1 for shift in range(7, -1, -1)) for byte in range(256))
"""Of each byte, the highest first."""

_Numbers = NDArray[np.uint32]


class SearchTree:
    """The tree of one database; 8 bytes of memory for each node."""

    def __init__(self, content: bytes, metadata: Metadata) -> None:
        """Reads the tree; to be called in a thread.

        Args:
            content: the file.
            metadata: what the library read in it; it has checked that the tree is within the file.

        Raises:
            ValueError: it is of no version of IP, or its records are of no size that there is.
        """
        if metadata.ip_version not in (4, 6):
            raise ValueError(f"it is of IP version {metadata.ip_version}")
        self._nodes = metadata.node_count
        left, right = array("I"), array("I")
        for lefts, rights in _records(content, metadata.record_size, metadata.node_count):
            left.frombytes(lefts.tobytes())
            right.frombytes(rights.tobytes())
        self._steps = tuple(tuple((left, right)[bit] for bit in bits) for bits in _BITS)
        """For each byte of an address, where its bits lead from every node."""
        six = metadata.ip_version == 6
        self._four = _table(left, right, self._walk(0, _ZEROS) if six else 0)
        self._six = _table(left, right, 0) if six else None

    def find(self, address: Address) -> int | None:
        """Where the record of ``address`` begins, in bytes behind the separator; None when it has
        none.

        Raises:
            ValueError: the tree leads nowhere, as that of a damaged file may.
        """
        packed = address.packed
        table = self._four if len(packed) == 4 else self._six
        if table is None:
            return None
        nodes = self._nodes
        node = table[packed[0] << 8 | packed[1]]
        if node < nodes:
            node = self._walk(node, packed[2:])
        if node == nodes:
            return None
        if node < nodes + SEPARATOR:
            raise ValueError("its tree leads nowhere")
        return node - nodes - SEPARATOR

    def _walk(self, node: int, path: bytes) -> int:
        """Where the bits of ``path`` lead from a node: to another node only when they end there."""
        nodes, steps = self._nodes, self._steps
        for byte in path:
            for side in steps[byte]:
                if node >= nodes:
                    return node
                node = side[node]
        return node


def _table(left: "array[int]", right: "array[int]", start: int) -> "array[int]":
    """Where each number of ``_TABLE`` bits leads from a node."""
    sides = [np.frombuffer(side, np.uint32) for side in (left, right)]
    led = np.array([start], np.uint32)
    for _ in range(_TABLE):
        within = led < len(left)
        node = np.where(within, led, 0)
        led = np.stack([np.where(within, side[node], led) for side in sides], axis=1).ravel()
    return array("I", led.tobytes())


def _records(content: bytes, bits: int, nodes: int) -> Iterator[tuple[_Numbers, _Numbers]]:
    """The left and the right records of the nodes, of some nodes at a time.

    Raises:
        ValueError: no record has so many bits.
    """
    if bits not in (24, 28, 32):
        raise ValueError(f"its records have {bits} bits")
    size, whole = bits // 4, bits // 8
    for begin in range(0, nodes, _SLAB):
        count = min(_SLAB, nodes - begin)
        plain = np.frombuffer(content, np.uint8, count * size, begin * size)
        columns = [plain[place::size].astype(np.uint32) for place in range(size)]
        left, right = _number(columns[:whole]), _number(columns[-whole:])
        if bits == 28:
            # The byte in the middle has the highest bits of both.
            left |= columns[3] >> 4 << 24
            right |= (columns[3] & 0x0F) << 24
        yield left, right


def _number(columns: Sequence[_Numbers]) -> _Numbers:
    """The numbers whose bytes stand side by side in ``columns``, the highest first."""
    number = np.zeros_like(columns[0])
    for column in columns:
        number <<= 8
        number |= column
    return number
