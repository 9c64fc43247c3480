"""The feed, as apps and pages get it."""

import msgspec


class FeedEntry(msgspec.Struct, frozen=True):
    """An asset in somebody's feed. Its URLs are on the edge that is best for who asks, now, or
    where a policy has them get it from."""

    asset_id: str
    title: str
    description: str
    """Its beginning, where it is long."""
    duration: float
    """Seconds."""
    channel: str | None
    """Whose it is; None when nobody has told."""
    published_at: float
    """When it was first published."""
    tags: tuple[str, ...]
    plays: int
    """About how often it was played."""
    poster: str | None
    preview: str | None
    """A moving picture; None when it has none."""
    play: str
    """The multivariant playlist."""


class FeedView(msgspec.Struct, frozen=True):
    """The answer of ``/v1/feed``: a page."""

    entries: tuple[FeedEntry, ...]
    next: str | None
    """The ``cursor`` of the next page; None on the last one."""
