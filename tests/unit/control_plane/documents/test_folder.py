"""Operators' documents in memory, over a real SQLite file."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from common.errors import BadRequest, Unavailable
from common.service import DatabaseSettings
from control_plane.documents import Document, DocumentStore, Folder, open_documents
from tests.unit.control_plane.clock import Clock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = await open_documents(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    yield opened
    await opened.close()


def words(known: Mapping[str, Document]) -> dict[str, str]:
    """The meaning of these tests' documents: what they say; ``nonsense`` means nothing."""
    said = {name: told.body.decode() for name, told in known.items()}
    if "nonsense" in said.values():
        raise BadRequest(detail="It means nothing.")
    return said


Words = Folder[dict[str, str]]


def folder(store: DocumentStore) -> Words:
    return Folder(store, "notes", words, Clock())


async def test_a_document_holds_at_once_and_elsewhere_with_the_next_look(
    store: DocumentStore,
) -> None:
    here, there = folder(store), folder(store)
    changes: list[str] = []
    here.on_change(lambda: changes.append("here"))
    there.on_change(lambda: changes.append("there"))
    here.on_written = lambda: changes.append("written")
    told = await here.put("a", b"one", by="ada")
    assert (here.meant, there.meant) == ({"a": "one"}, {})
    await there.refresh()

    assert there.meant == {"a": "one"}
    assert there.known == here.known == {"a": told}
    assert (told.by, told.at) == ("ada", 1000.0)
    assert changes == ["here", "written", "there"]


async def test_what_is_deleted_is_gone_here_and_elsewhere(store: DocumentStore) -> None:
    here, there = folder(store), folder(store)
    await here.put("a", b"one", by="ada")
    await here.put("b", b"two", by="ada")
    await there.refresh()
    assert await here.delete("a", by="ada")
    assert not await here.delete("a", by="ada")
    await there.refresh()

    assert here.meant == there.meant == {"b": "two"}


async def test_what_is_told_here_and_deleted_elsewhere_before_the_next_look_is_gone(
    store: DocumentStore,
) -> None:
    here, there = folder(store), folder(store)
    await here.refresh()
    await here.put("a", b"one", by="ada")
    await there.refresh()
    await there.delete("a", by="bob")
    await here.refresh()

    assert here.meant == {}


async def test_what_is_told_twice_is_another_document(store: DocumentStore) -> None:
    here = folder(store)

    first, second = [await here.put("a", b"one", by="ada") for _ in range(2)]

    assert first.revision != second.revision


async def test_looking_again_changes_nothing(store: DocumentStore) -> None:
    here = folder(store)
    await here.put("a", b"one", by="ada")
    meant = here.meant
    for _ in range(3):
        await here.refresh()

    assert here.meant is meant


async def test_what_means_nothing_is_not_taken(store: DocumentStore) -> None:
    here, there = folder(store), folder(store)
    await here.put("a", b"one", by="ada")
    with pytest.raises(BadRequest):
        await here.put("a", b"nonsense", by="ada")
    await there.refresh()

    assert here.meant == there.meant == {"a": "one"}


async def test_what_another_release_wrote_leaves_what_is_known(store: DocumentStore) -> None:
    here = folder(store)
    await here.put("a", b"one", by="ada")
    await here.refresh()
    await store.put(Document("notes", "b", b"nonsense", "bob", 1.0, 5))
    for _ in range(2):
        with pytest.raises(BadRequest):
            await here.refresh()
    assert here.meant == {"a": "one"}
    await store.delete("notes", "b")
    await here.refresh()

    assert here.meant == {"a": "one"}


async def test_a_database_that_is_away_leaves_what_is_known(store: DocumentStore) -> None:
    here = folder(store)
    await here.put("a", b"one", by="ada")
    await store.close()
    with pytest.raises(Unavailable):
        await here.refresh()
    with pytest.raises(Unavailable):
        await here.put("a", b"two", by="ada")
    with pytest.raises(Unavailable):
        await here.delete("a", by="ada")

    assert here.meant == {"a": "one"}


async def test_of_many_at_once_all_are_taken(store: DocumentStore) -> None:
    here, there = folder(store), folder(store)
    writes = [here.put(f"n{number}", b"x", by="ada") for number in range(20)]
    await asyncio.gather(*writes, *(here.refresh() for _ in range(5)))
    await there.refresh()

    assert len(here.meant) == 20
    assert here.known == there.known


async def test_it_goes_on_from_what_was_known(store: DocumentStore) -> None:
    before, after = folder(store), folder(store)
    await before.put("a", b"one", by="ada")
    other = Document("others", "z", b"nonsense", "ada", 1.0, 3)
    await after.restore([*before.known.values(), other])
    assert after.meant == {"a": "one"}
    await before.put("a", b"two", by="ada")
    await after.refresh()

    assert after.meant == {"a": "two"}
