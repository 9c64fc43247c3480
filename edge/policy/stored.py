"""What the cache knows of one stored response, so that a hit decides by comparing numbers."""

import msgspec

from common.http.fields import Pairs


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A stored response. It is an array on disk: members are only ever added at the end."""

    number: int
    """Names its object; rises with time and is never used again."""
    status: int
    reason: str
    fields: Pairs
    """As they are passed on: without hop-by-hop fields, Age, Content-Length and Content-Range."""
    selecting: tuple[tuple[str, str | None], ...]
    """The request's fields that Vary names: lower-case name and normalised value."""
    size: int
    """Bytes of the whole representation."""
    held: tuple[tuple[int, int], ...]
    """The ranges of its bytes that are here, as (start, stop), in order and apart."""
    received_at: float
    """When it came or was last validated, POSIX seconds."""
    age: float
    """Seconds that it was old then (RFC 9111 §4.2.3, corrected_initial_age)."""
    lifetime: float
    """Seconds that it is fresh (§4.2.1)."""
    stale_while_revalidate: float
    """Seconds after that in which it may be served while it is validated (RFC 5861 §3)."""
    stale_if_error: float | None
    """Seconds after that in which it may be served on errors (RFC 5861 §4); None when untold."""
    validate_always: bool
    """Whether it is never reused without validation (§5.2.2.4, no-cache)."""
    never_stale: bool
    """Whether it is never served stale (§4.2.4: must-revalidate, proxy-revalidate, s-maxage)."""
    tags: tuple[str, ...]
    """Its surrogate keys."""
    sequence: int
    """Purges with a number above this one apply to it."""
    sha256: bytes = b""
    """Of the whole representation, where the origin or a manifest told it; else empty."""
    softened: bool = False
    """Whether a soft purge made it stale."""

    @property
    def complete(self) -> bool:
        """Whether all bytes are here."""
        return self.size == 0 or self.held == ((0, self.size),)

    @property
    def held_bytes(self) -> int:
        """How many bytes are here."""
        return sum(stop - start for start, stop in self.held)

    def age_at(self, now: float) -> int:
        """Its current_age in whole seconds (RFC 9111 §4.2.3)."""
        return int(self.age + max(0.0, now - self.received_at))

    def freshness_at(self, now: float) -> float:
        """Seconds that it will still be fresh; what is not above 0 tells for how long it is not."""
        left = self.lifetime - self.age - max(0.0, now - self.received_at)
        return min(0.0, left) if self.softened else left

    def holds(self, start: int, stop: int) -> bool:
        """Whether the bytes from ``start`` up to, without, ``stop`` are here."""
        return start >= stop or any(left <= start and stop <= right for left, right in self.held)

    def field(self, name: str) -> str | None:
        """The combined value of the field ``name``, given in lower case; None when it is absent."""
        lines = [value for key, value in self.fields if key.lower() == name]
        return ", ".join(lines) if lines else None
