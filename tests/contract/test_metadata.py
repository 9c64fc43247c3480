"""What every adapter of metadata promises, on SQLite and on a real MongoDB."""

import asyncio
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from common.errors import Unavailable
from common.messages import MessageInvalid
from common.service import DatabaseSettings
from control_plane.metadata import Found, Metadata, MetadataStore, Query, Told, open_metadata
from control_plane.metadata.words import query_of


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"metadata_{uuid.uuid4().hex}")


@pytest.fixture
async def store(settings: DatabaseSettings) -> AsyncIterator[MetadataStore]:
    opened = await open_metadata(settings)
    yield opened
    await opened.close()


def told(asset: str = "a", title: str = "A film", **changes: Any) -> Told:
    given: dict[str, Any] = {"known": 1, "creator": None, "first_at": 1.5}
    return Told(asset_id=asset, title=title, **{**given, **changes})


def said(asset: str = "a", revision: int = 1, **changes: Any) -> Metadata:
    return Metadata(asset_id=asset, revision=revision, **changes)


async def found(store: MetadataStore, text: str, **more: Any) -> list[str]:
    return list((await store.search(query_of(text, **more), None, 100)).asset_ids)


async def raw(settings: DatabaseSettings, members: dict[str, Any]) -> dict[str, Any]:
    """Sets members of asset a's record behind the adapter's back; what there is then."""
    if settings.sqlite is None:
        async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
            kept = client[settings.name]["metadata"]
            await kept.update_one({"_id": "a"}, {"$set": members})
            return dict(await kept.find_one({"_id": "a"}) or {})
    with sqlite3.connect(settings.sqlite) as other:
        for name, value in members.items():
            other.execute(f"UPDATE metadata SET record = json_set(record, '$.{name}', ?)", (value,))
        ((record,),) = other.execute("SELECT json(record) FROM metadata WHERE asset_id = 'a'")
    other.close()
    return dict(json.loads(record))


async def test_of_an_unknown_asset_there_is_nothing(store: MetadataStore) -> None:
    assert await store.get(["a"]) == {}
    assert await store.get([]) == {}
    assert await store.noted("", 10) == []
    assert await found(store, "film") == []
    await store.note([])
    await store.forget(["a"])
    await store.add_plays({})


async def test_a_noted_asset_is_found_and_has_nothing_said_of_it(store: MetadataStore) -> None:
    await store.note([told()])

    assert await store.get(["a", "b"]) == {"a": Metadata(asset_id="a")}
    assert await found(store, "film") == ["a"]


async def test_what_was_edited_is_read_and_found(store: MetadataStore) -> None:
    await store.note([told()])
    after = said(
        title='$Grüße "aus" \u2028 AND', description="NEAR(the sea)", tags=("Été", "Live music")
    )

    assert await store.replace(told(), after)
    assert await store.get(["a"]) == {"a": after}
    for text in ("grusse", "NEAR the", "éte", "musi", "and"):
        assert await found(store, text) == ["a"], text
    assert await found(store, "film") == []


async def test_an_edit_needs_no_note_before_it(store: MetadataStore) -> None:
    assert await store.replace(told(creator="carol"), said(tags=("sea",)))

    assert await found(store, "film", creator="carol") == ["a"]
    await store.note([told(creator="carol")])
    assert (await store.get(["a"]))["a"].tags == ("sea",)


async def test_of_two_edits_of_the_same_one_is_done(store: MetadataStore) -> None:
    first = [store.replace(told(), said(title=f"t{number}")) for number in range(8)]
    assert sum(await asyncio.gather(*first)) == 1
    second = [store.replace(told(), said(revision=2, title=f"u{n}")) for n in range(8)]
    assert sum(await asyncio.gather(*second)) == 1

    kept = (await store.get(["a"]))["a"]
    assert kept.revision == 2
    assert kept.title is not None
    assert await found(store, kept.title) == ["a"]
    assert not await store.replace(told(), said(revision=2))
    assert not await store.replace(told(), said(revision=9))


async def test_an_edit_of_what_was_forgotten_brings_nothing_back(store: MetadataStore) -> None:
    await store.replace(told(), said())
    await store.forget(["a"])

    assert not await store.replace(told(), said(revision=2))
    assert await store.get(["a"]) == {}
    assert await found(store, "film") == []


async def test_an_edited_title_survives_new_versions_until_it_is_taken_away(
    store: MetadataStore,
) -> None:
    await store.note([told()])
    await store.replace(told(), said(title="Mine"))
    await store.note([told(title="Second version", known=2)])
    assert await found(store, "mine") == ["a"]
    assert await found(store, "second") == []

    await store.replace(told(title="Second version", known=2), said(revision=2, title=None))
    assert (await store.get(["a"]))["a"].title is None
    assert await found(store, "second") == ["a"]
    assert await found(store, "mine") == []


async def test_what_is_known_of_more_holds_whoever_notes_last(store: MetadataStore) -> None:
    await store.note([told(title="new", known=3, creator="carol")])
    await store.note([told(title="old", known=2, creator="dave")])

    assert await store.noted("", 10) == [("a", 3)]
    assert await found(store, "new", creator="carol") == ["a"]
    assert await found(store, "old") == []


async def test_members_of_another_release_stay_when_this_one_writes(
    store: MetadataStore, settings: DatabaseSettings
) -> None:
    await store.replace(told(), said(description="before"))
    await raw(settings, {"rating": 5})
    await store.note([told(known=2)])
    await store.add_plays({"a": 1})
    assert await store.replace(told(known=2), said(revision=2, description="after"))

    kept = await raw(settings, {})
    assert kept["rating"] == 5
    assert kept["description"] == "after"


async def test_a_record_that_makes_no_sense_is_told(
    store: MetadataStore, settings: DatabaseSettings
) -> None:
    await store.replace(told(), said(description="before"))
    await raw(settings, {"description": 7})

    with pytest.raises(MessageInvalid, match="is not a valid"):
        await store.get(["a"])


async def test_plays_add_up_and_edits_leave_them(store: MetadataStore) -> None:
    await store.note([told(), told("b")])
    await asyncio.gather(*(store.add_plays({"a": 2, "gone": 1}) for _ in range(10)))
    await store.replace(told(), said(title="Mine", plays=0))

    kept = await store.get(["a", "b", "gone"])
    assert {name: each.plays for name, each in kept.items()} == {"a": 20, "b": 0}
    assert await found(store, "mine") == ["a"]


async def test_noted_assets_are_told_in_pages(store: MetadataStore) -> None:
    await store.note([told(name, known=number) for number, name in enumerate("dbac")])

    assert await store.noted("", 3) == [("a", 2), ("b", 1), ("c", 3)]
    assert await store.noted("c", 3) == [("d", 0)]


async def test_those_named_so_come_before_those_that_only_mention_it(store: MetadataStore) -> None:
    for number, name in enumerate("abcd"):
        title = "Cats" if name in "ac" else "Pets"
        await store.note([told(name, title, first_at=float(number))])
        await store.replace(told(name, title), said(name, description="of cats and dogs"))

    assert await found(store, "cat") == ["c", "a", "d", "b"]
    assert await found(store, "cats dogs") == ["d", "c", "b", "a"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_of_a_search_are_the_whole_of_it_whatever_comes_meanwhile(
    store: MetadataStore, limit: int
) -> None:
    names = [f"a{number}" for number in range(7)]
    for number, name in enumerate(names):
        await store.note([told(name, "Cats" if number % 3 else "Pets", first_at=float(number))])
        await store.replace(told(name), said(name, description="cats"))
    whole = await found(store, "cats")
    assert sorted(whole) == names

    paged: list[str] = []
    page = Found((), None)
    for number in range(8):
        page = await store.search(query_of("cats"), page.after, limit)
        assert len(page.asset_ids) <= limit
        paged += page.asset_ids
        if page.after is None:
            break
        await store.note([told(f"new{number}", "Cats", first_at=100.0 + number)])
        assert paged == whole[: len(paged)]
    assert [name for name in paged if name in whole] == whole


async def test_all_words_have_to_be_there_and_the_last_one_may_have_begun(
    store: MetadataStore,
) -> None:
    await store.note([told("a", "Die Straße nach Süden"), told("b", "STRASSE, Norden")])

    assert await found(store, "strasse sud") == ["a"]
    assert sorted(await found(store, "STRASS")) == ["a", "b"]
    assert await found(store, "strass suden") == []
    assert await found(store, "suden straße ") == ["a"]
    assert await found(store, "sud ") == []


async def test_tags_and_creators_are_whole(store: MetadataStore) -> None:
    await store.note([told("a", creator="c-1"), told("b", creator="C-1")])
    await store.replace(told("a"), said("a", tags=("Live music", "Köln")))

    assert await found(store, "", tag="live MUSIC") == ["a"]
    assert await found(store, "film", tag="koln", creator="c-1") == ["a"]
    for missing in ({"tag": "live"}, {"tag": "music live"}, {"tag": "koln", "creator": "C-1"}):
        assert await found(store, "", **missing) == [], missing


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ('"*( NEAR', True),
        ("film OR nothing*", False),
        ('title : "film"', False),
        ("film\0", True),
        ('{"$where": "1"} film', False),
        ("film' --", True),
        ("$film", True),
    ],
)
async def test_nobody_speaks_the_databases_own_language(
    store: MetadataStore, text: str, finds: bool
) -> None:
    await store.note([told(title="A film, near")])

    assert await found(store, text) == (["a"] if finds else [])


async def test_scripts_without_case_are_found_too(store: MetadataStore) -> None:
    await store.note([told("a", "日本の海 हिन्दी"), told("b", "ภาษาไทย")])

    assert await found(store, "日本") == ["a"]
    assert await found(store, "हिन्दी") == ["a"]
    assert await found(store, "ภาษาไทย") == ["b"]


async def test_what_was_written_is_there_after_opening_again(
    settings: DatabaseSettings, store: MetadataStore
) -> None:
    await store.replace(told(), said(title="Mine"))
    again = await open_metadata(settings)

    assert await found(again, "mine") == ["a"]
    assert (await again.get(["a"]))["a"].title == "Mine"
    await again.close()


async def test_a_closed_store_is_unavailable(settings: DatabaseSettings) -> None:
    opened = await open_metadata(settings)
    await opened.close()

    with pytest.raises(Unavailable):
        await opened.get(["a"])
    with pytest.raises(Unavailable):
        await opened.search(Query(("a",)), None, 1)
