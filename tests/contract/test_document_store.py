"""What every adapter that keeps operators' documents promises, on SQLite and on a real MongoDB."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from common.errors import NearcastError, SettingsInvalid, Unavailable
from common.service import DatabaseSettings
from control_plane.documents import Document, DocumentStore, open_documents
from control_plane.documents.port import DOCUMENT_AT_MOST, REVISION_BITS
from tests.servers.databases import Server


@pytest.fixture(params=["sqlite", "mongodb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    if request.param == "sqlite":
        return DatabaseSettings(sqlite=tmp_path / "data" / "control.sqlite")
    url = request.getfixturevalue("mongodb_server").url
    return DatabaseSettings(mongodb=url, name=f"documents_{uuid.uuid4().hex}")


@pytest.fixture
async def store(settings: DatabaseSettings) -> AsyncIterator[DocumentStore]:
    opened = await open_documents(settings)
    yield opened
    await opened.close()


def document(name: str = "a", **changes: Any) -> Document:
    given: dict[str, Any] = {
        "family": "policies",
        "name": name,
        "body": '{"$where": "ü \u2028 \0"}'.encode(),
        "by": 'ada "<b>"',
        "at": 5.5,
        "revision": 7,
    }
    return Document(**{**given, **changes})


async def all_of(store: DocumentStore, family: str = "policies") -> list[Document]:
    return sorted(await store.all(family), key=lambda each: each.name)


async def test_at_first_there_are_none(store: DocumentStore) -> None:
    assert await store.all("policies") == ()
    assert await store.state("policies") == 0
    assert not await store.delete("policies", "a")


async def test_a_document_is_read_as_it_was_told(store: DocumentStore) -> None:
    told = [document("a"), document("assets/x-1_Z", revision=2**REVISION_BITS - 1, at=1.7e9)]
    for each in told:
        await store.put(each)

    assert await all_of(store) == told


async def test_a_document_takes_the_place_of_the_last_of_its_name(store: DocumentStore) -> None:
    await store.put(document())
    await store.put(document(body=b"{}", revision=9, at=1.0))

    assert await all_of(store) == [document(body=b"{}", revision=9, at=1.0)]
    assert await store.state("policies") == 9


async def test_families_know_nothing_of_each_other(store: DocumentStore) -> None:
    await store.put(document())
    await store.put(document(family="zones", revision=11))
    assert await all_of(store, "zones") == [document(family="zones", revision=11)]
    assert (await store.state("policies"), await store.state("zones")) == (7, 11)
    assert await store.delete("zones", "a")

    assert await all_of(store) == [document()]
    assert await store.all("zones") == ()


async def test_the_state_is_the_sum_of_the_revisions(store: DocumentStore) -> None:
    greatest = 2**REVISION_BITS - 1
    for number in range(20):
        await store.put(document(f"n{number}", revision=greatest))
    assert await store.state("policies") == 20 * greatest
    assert await store.delete("policies", "n3")

    assert await store.state("policies") == 19 * greatest


async def test_what_is_deleted_twice_was_there_once(store: DocumentStore) -> None:
    await store.put(document())

    assert await store.delete("policies", "a")
    assert not await store.delete("policies", "a")


async def test_of_many_writes_at_once_one_is_left(store: DocumentStore) -> None:
    await asyncio.gather(*(store.put(document(revision=number)) for number in range(1, 20)))

    (left,) = await store.all("policies")
    assert await store.state("policies") == left.revision


async def test_the_longest_document_is_kept(store: DocumentStore) -> None:
    longest = document(family="zones", body=b"0" * DOCUMENT_AT_MOST)
    await store.put(longest)

    assert await store.all("zones") == (longest,)


async def test_documents_outlive_the_store(settings: DatabaseSettings) -> None:
    first = await open_documents(settings)
    await first.put(document())
    await first.close()
    second = await open_documents(settings)

    assert await second.all("policies") == (document(),)
    await second.close()


async def test_a_document_that_this_release_cannot_read_is_an_error_of_ours(
    mongodb_server: Server,
) -> None:
    settings = DatabaseSettings(mongodb=mongodb_server.url, name=f"documents_{uuid.uuid4().hex}")
    store = await open_documents(settings)
    await store.put(document())
    async with AsyncMongoClient[dict[str, Any]](settings.mongodb) as client:
        await client[settings.name]["documents"].update_many({}, {"$set": {"by": 5}})

    with pytest.raises(NearcastError, match="not a valid Document"):
        await store.all("policies")
    await store.close()


async def test_a_store_that_is_closed_is_away(store: DocumentStore) -> None:
    await store.close()
    with pytest.raises(Unavailable):
        await store.put(document())
    with pytest.raises(Unavailable):
        await store.state("policies")


async def test_one_database_has_to_be_named() -> None:
    with pytest.raises(SettingsInvalid):
        await open_documents(DatabaseSettings())


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "control.sqlite").write_bytes(b"no database" * 1000)

    with pytest.raises(Unavailable, match=r"control\.sqlite"):
        await open_documents(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
