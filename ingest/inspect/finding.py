"""What the confined process of an inspection says to the one that started it."""

import msgspec

from ingest.inspect.media import MediaInfo


class Finding(msgspec.Struct, frozen=True):
    """Either the media or an error."""

    media: MediaInfo | None = None
    error: str | None = None
    """Name of a class of `ingest.inspect.errors`."""
    facts: dict[str, int | float | str] = {}
    """The facts of the error."""
