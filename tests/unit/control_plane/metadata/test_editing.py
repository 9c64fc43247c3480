"""Edits: what a merge patch makes of metadata, and who wins."""

from pathlib import Path

import pytest

from common.messages import MessageInvalid, decode
from control_plane.metadata import Metadata, Told
from control_plane.metadata.cache import MemoryCache
from control_plane.metadata.editing import AssetEdit, EditedMeanwhile, Editor, edited
from control_plane.metadata.sqlite import SqliteMetadata
from tests.unit.control_plane.clock import Clock

BEFORE = Metadata(asset_id="a", title="t", description="d", tags=("x",), plays=3)


@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ("{}", BEFORE),
        ('{"title": "new"}', Metadata(asset_id="a", title="new", description="d", tags=("x",))),
        ('{"title": null}', Metadata(asset_id="a", description="d", tags=("x",))),
        ('{"description": null}', Metadata(asset_id="a", title="t", tags=("x",))),
        ('{"tags": null}', Metadata(asset_id="a", title="t", description="d")),
        (
            '{"tags": ["Ü", "b", "u", "B"]}',
            Metadata(asset_id="a", title="t", description="d", tags=("Ü", "b")),
        ),
    ],
)
def test_what_is_named_changes_and_null_takes_away(patch: str, after: Metadata) -> None:
    made = edited(BEFORE, decode(patch, AssetEdit))

    assert (made.title, made.description, made.tags, made.plays) == (
        after.title,
        after.description,
        after.tags,
        3,
    )


@pytest.mark.parametrize(
    "patch",
    [
        "[]",
        '{"creator": "me"}',
        '{"title": ""}',
        '{"title": "a\\u0000b"}',
        '{"title": "two\\nlines"}',
        '{"title": "\\ud800"}',
        '{"description": "bell\\u0007"}',
        '{"tags": [""]}',
        '{"tags": "x"}',
        f'{{"title": "{"x" * 513}"}}',
        f'{{"description": "{"x" * 8193}"}}',
        f'{{"tags": ["{"x" * 65}"]}}',
        f'{{"tags": [{",".join(["1"] * 51)}]}}',
    ],
)
def test_what_nobody_can_mean_is_refused(patch: str) -> None:
    with pytest.raises(MessageInvalid):
        decode(patch, AssetEdit)


TOLD = Told("a", 1, "told", None, 1.0)


async def test_an_edit_that_another_one_overtakes_is_made_on_top_of_it(tmp_path: Path) -> None:
    store, clock = await SqliteMetadata.open(tmp_path / "control.sqlite"), Clock()
    editor = Editor(store, MemoryCache(clock), clock)
    overtaken = [AssetEdit(description="theirs"), AssetEdit(tags=("theirs",))]

    class Slow(SqliteMetadata):
        async def replace(self, told: Told, metadata: Metadata) -> bool:
            if overtaken:
                await editor.edit(TOLD, overtaken.pop(), by="other", holds=lambda _: True)
            return await super().replace(told, metadata)

    slow = Editor(Slow(store._file, store._durable, store._searched), MemoryCache(clock), clock)
    after = await slow.edit(TOLD, AssetEdit(title="mine"), by="me", holds=lambda _: True)

    assert (after.title, after.description, after.tags) == ("mine", "theirs", ("theirs",))
    assert (after.revision, after.edited_by, after.edited_at) == (3, "me", 1000.0)
    assert await store.get(["a"]) == {"a": after}
    await store.close()


async def test_an_edit_of_what_one_has_not_seen_is_refused(tmp_path: Path) -> None:
    store, clock = await SqliteMetadata.open(tmp_path / "control.sqlite"), Clock()
    cache = MemoryCache(clock)
    editor = Editor(store, cache, clock)
    first = await editor.edit(TOLD, AssetEdit(title="x"), by="me", holds=lambda m: m.revision == 0)

    with pytest.raises(EditedMeanwhile, match="Somebody has edited asset a meanwhile"):
        await editor.edit(TOLD, AssetEdit(title="y"), by="me", holds=lambda m: m.revision == 0)
    same = await editor.edit(TOLD, AssetEdit(title="x"), by="you", holds=lambda _: True)
    assert same == first
    assert await cache.get(["a"]) == {"a": first}
    await store.close()
