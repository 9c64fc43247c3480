"""Editing what people say of an asset, so that of two who edit at the same time none loses
anything unseen."""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec

from common.clock import Clock
from common.errors import NearcastError
from control_plane.metadata.cache import MetadataCache
from control_plane.metadata.port import MetadataStore
from control_plane.metadata.records import Metadata, Told
from control_plane.metadata.words import folded_tag

AGAIN_AT_MOST: Final = 10
"""How often an edit that somebody else's has overtaken is tried again."""

_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"
_TEXT: Final = r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*\Z"

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=_LINE)]
Description = Annotated[str, msgspec.Meta(max_length=8192, pattern=_TEXT)]
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_LINE)]
Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=50)]


class AssetEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396): what it does not name stays, and null takes away."""

    title: Title | msgspec.UnsetType | None = msgspec.UNSET
    """Without one, the asset is called what its current version was announced with."""
    description: Description | msgspec.UnsetType | None = msgspec.UNSET
    tags: Tags | msgspec.UnsetType | None = msgspec.UNSET


class EditedMeanwhile(NearcastError):
    """Somebody has edited asset {asset_id} meanwhile: read it again, and edit what it is now."""

    status = 412


class Editor:
    """Carries out edits."""

    def __init__(self, store: MetadataStore, cache: MetadataCache, clock: Clock) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock

    async def edit(
        self, told: Told, edit: AssetEdit, *, by: str, holds: Callable[[Metadata], bool]
    ) -> Metadata:
        """What there is of an asset after an edit; durable when this returns. An edit that changes
        nothing is none.

        Args:
            told: what its versions say of it.
            edit: the changes.
            by: who makes them.
            holds: whether who makes them wants to, given what there is now.

        Raises:
            EditedMeanwhile: it does not hold, or others edit all the time.
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        for _ in range(AGAIN_AT_MOST):
            found = await self._store.get([told.asset_id])
            before = found.get(told.asset_id) or Metadata(asset_id=told.asset_id)
            if not holds(before):
                break
            after = edited(before, edit)
            if after == before:
                return before
            after = msgspec.structs.replace(
                after, revision=before.revision + 1, edited_at=self._clock.now(), edited_by=by
            )
            if await self._store.replace(told, after):
                await self._cache.put([after])
                return after
        raise EditedMeanwhile(asset_id=told.asset_id)


def edited(before: Metadata, edit: AssetEdit) -> Metadata:
    """``before`` with the changes of an edit. Tags that are alike but for case are one."""
    changes: dict[str, object] = {}
    if edit.title is not msgspec.UNSET:
        changes["title"] = edit.title
    if edit.description is not msgspec.UNSET:
        changes["description"] = edit.description or ""
    if edit.tags is not msgspec.UNSET:
        tags = {folded_tag(tag): tag for tag in reversed(edit.tags or ())}
        changes["tags"] = tuple(reversed(tags.values()))
    return msgspec.structs.replace(before, **changes)
