"""Bytes that are too many to be kept: a window on them, for readers who are about as far."""

from edge.fetch.errors import UpstreamBroke

WINDOW = 1024 * 1024
"""Bytes that wait for the slowest reader."""


class Spill:
    """The last bytes of a transfer."""

    def __init__(self, start: int) -> None:
        """Begins at the byte ``start`` of the representation."""
        self._start = start
        self._bytes = bytearray()

    def take(self, piece: bytes, slowest: int) -> bool:
        """Takes ``piece``, if what readers from ``slowest`` on still need leaves room for it."""
        passed = min(len(self._bytes), max(0, slowest - self._start))
        del self._bytes[:passed]
        self._start += passed
        if self._bytes and len(self._bytes) + len(piece) > WINDOW:
            return False
        self._bytes += piece
        return True

    def read(self, start: int, length: int) -> bytes:
        """At most ``length`` bytes from ``start`` on.

        Raises:
            UpstreamBroke: they have passed already.
        """
        if start < self._start:
            raise UpstreamBroke(key="it", reason="it is too large to be kept for who comes late")
        offset = start - self._start
        return bytes(self._bytes[offset : offset + length])
