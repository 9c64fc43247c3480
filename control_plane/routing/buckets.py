"""How many requests a client may make: token buckets in a fixed amount of memory. Pure.

A bucket is one number, the time at which it will be full again (the generic cell rate algorithm,
ITU-T I.371). There is a fixed number of buckets; each client has two of them, which it shares with
others that nobody can choose, as ``secret`` decides. It is refused only when both are empty, so
that who floods takes next to nobody else with it.
"""

from array import array
from typing import Final

from xxhash import xxh3_64_intdigest

from control_plane.routing.clients import Address

SLOTS: Final = 65536
"""Buckets; a megabyte in two rows."""
ROUNDED: Final = 1e-6
"""Seconds; sums of floating-point numbers are wrong by less."""
SITE_OCTETS: Final = 7
"""Octets of an IPv6 address that tell customers apart: most get a /56 (RFC 6177)."""


class Buckets:
    """A bucket for every client."""

    def __init__(self, rate: float, burst: float, secret: int) -> None:
        """Requests per second that each client may make in the long run, how many at once, and what
        decides who shares a bucket: 64 bits that nobody knows."""
        self._each = 1 / rate
        self._burst = burst / rate
        self._secrets = secret, secret ^ 0x9E3779B97F4A7C15
        self._one, self._other = (array("d", bytes(8 * SLOTS)) for _ in self._secrets)

    def take(self, client: bytes, now: float) -> float:
        """Takes a token of ``client``.

        Args:
            client: as ``bucket_key`` tells.
            now: seconds on a monotonic clock.

        Returns:
            0 when there was one; else the seconds until there is.
        """
        one, other = (xxh3_64_intdigest(client, secret) % SLOTS for secret in self._secrets)
        full_at, other_at = max(self._one[one], now), max(self._other[other], now)
        wait = min(full_at, other_at) + self._each - self._burst - now
        if wait > ROUNDED:
            return wait
        # One that another client has emptied stays as it is: it must not grow without end.
        fullest = now + self._burst
        self._one[one] = min(full_at + self._each, fullest)
        self._other[other] = min(other_at + self._each, fullest)
        return 0.0


def bucket_key(address: Address) -> bytes:
    """What all clients that count as one have in common: the IPv4 address, behind which there may
    be many, or the /56 of an IPv6 address."""
    packed = address.packed
    return packed if len(packed) == 4 else packed[:SITE_OCTETS]
