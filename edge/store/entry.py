"""What the index knows of one stored object."""

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One stored response. Written to the index only when its file is whole and in its place.

    It is an array on disk, for its size: members are only ever added at the end.
    """

    file: str
    """Name of its file within the objects' folder."""
    size: int
    """Bytes."""
    sha256: bytes
    content_type: str
    etag: str | None
    """As it came, quotes included."""
    last_modified: str | None
    """As it came."""
    cache_control: str
    """As it came, and as it is passed on."""
    stored_at: float
    """POSIX seconds."""
    age: int
    """Seconds that it was old when it was stored."""
    fresh_until: float
    """POSIX seconds."""
    servable_stale: bool

    def age_at(self, now: float) -> int:
        """Its age in whole seconds (RFC 9111 §4.2.3)."""
        return self.age + max(0, int(now - self.stored_at))
