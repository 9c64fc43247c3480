"""The records of metadata. Times are POSIX seconds."""

from typing import Any

import msgspec


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What people say of an asset. Members that a record lacks have their defaults; those that
    only another release knows stay in the database when this one writes."""

    asset_id: str
    revision: int = 0
    """How many times it was edited."""
    title: str | None = None
    """What it is called instead of what its versions were announced with."""
    description: str = ""
    tags: tuple[str, ...] = ()
    edited_at: float | None = None
    edited_by: str = ""
    plays: int = 0
    """About how many viewers were sent to an edge for it."""

    @property
    def edited(self) -> dict[str, Any]:
        """The members that editing changes."""
        return {
            "title": self.title,
            "description": self.description,
            "tags": list(self.tags),
            "edited_at": self.edited_at,
            "edited_by": self.edited_by,
        }


class Told(msgspec.Struct, frozen=True):
    """What an asset's versions say of it."""

    asset_id: str
    known: int
    """Grows with each version that is announced or removed and with each rollback: what was told
    with more holds."""
    title: str
    creator: str | None
    first_at: float
    """When the asset was first published."""


class Query(msgspec.Struct, frozen=True):
    """What is looked for. All of it has to hold."""

    words: tuple[str, ...] = ()
    """In title, description or tags; folded."""
    prefix: str | None = None
    """How another word of them begins; folded."""
    tag: str | None = None
    """Folded."""
    creator: str | None = None


class After(msgspec.Struct, frozen=True, array_like=True):
    """Where the last one found stands."""

    tier: int
    """0 for those that have all words in their title, 1 for the others."""
    at: float
    """What the adapter sorts by within a tier."""
    asset_id: str


class Found(msgspec.Struct, frozen=True):
    """A page of what was found."""

    asset_ids: tuple[str, ...]
    after: After | None
    """Where the next page begins; None when there is none."""
