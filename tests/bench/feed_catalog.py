"""The catalog of a million assets that the feed is measured with, in SQLite or MongoDB."""

import asyncio
import contextlib
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pymongo

from common.messages import PackageAnnouncement, encode_text
from common.service import DatabaseSettings
from control_plane.catalog import Package, open_catalog
from control_plane.metadata import open_metadata
from control_plane.metadata.words import key_of, keys_of, unique_words
from control_plane.planning import open_plan_store
from tests.unit.control_plane.records import announcement

FIRST = 1_700_000_000.0
EVERY = 30.0
"""Seconds from one publish to the next."""
WORDS = 20_000
AT_ONCE = 5000
"""Documents of one write."""


class Made(NamedTuple):
    """An asset, and what was written of it."""

    announcement: PackageAnnouncement
    published_at: float
    text: str
    """Empty for half of them."""
    tags: list[str]


def words(generator: np.random.Generator, count: int) -> list[str]:
    """Words as often as words are."""
    numbers = np.minimum(generator.zipf(1.2, count), WORDS) - 1
    return [f"{'abcdefghijklmnopqrst'[n % 20]}{n:x}{'aeiou'[n % 5]}n" for n in numbers.tolist()]


def creators_of(assets: int, creators: int) -> list[str]:
    generator = np.random.default_rng(1)
    numbers = (generator.zipf(1.3, assets) - 1) % creators
    return [f"creator-{number}" for number in numbers.tolist()]


async def made(settings: DatabaseSettings, assets: int, creators: int) -> None:
    """Fills a database, unless that was done before."""
    if _is_made(settings):
        return
    for opened in (await open_catalog(settings), await open_metadata(settings)):
        await opened.close()
    store = await open_plan_store(settings)
    began = time.monotonic()
    if settings.sqlite is not None:
        await asyncio.to_thread(_fill_sqlite, settings.sqlite, assets, creators)
    else:
        await asyncio.to_thread(_fill_mongodb, settings, assets, creators)
    watched = np.random.default_rng(3).permutation(assets)[:100_000].tolist()
    await store.add_demand(
        [(f"asset-{n:08}", "eu", 1e12 / (rank + 1)) for rank, n in enumerate(watched)],
        int(time.time() // (128 * 86400)),
    )
    await store.close()
    print(f"the catalog was made in {time.monotonic() - began:.0f} s", flush=True)


def _is_made(settings: DatabaseSettings) -> bool:
    if settings.sqlite is not None:
        return settings.sqlite.exists()
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(settings.mongodb)
    with client:
        return client[settings.name]["demand"].find_one() is not None


def _all(assets: int, creators: int) -> Iterator[Made]:
    generator = np.random.default_rng(2)
    whose, texts = creators_of(assets, creators), words(generator, assets * 5)
    more = words(generator, 200_000)
    for number in range(assets):
        start = random.Random(number).randrange(len(more) - 40)
        edited = number % 2 == 0
        yield Made(
            _announced(number, whose[number], texts[number * 5 : number * 5 + 5]),
            FIRST + number * EVERY,
            " ".join(more[start : start + 40]) if edited else "",
            [more[start]] if edited else [],
        )


def _announced(number: int, creator: str, title: Sequence[str]) -> PackageAnnouncement:
    return announcement(
        f"asset-{number:08}",
        title=" ".join(title),
        poster=f"v/asset-{number:08}/1/poster.jpg",
        creator=creator,
    )


def _fill_sqlite(path: Path, assets: int, creators: int) -> None:
    def packages() -> Iterator[tuple[Any, ...]]:
        for told, at, _, _ in _all(assets, creators):
            yield told.asset_id, "1", encode_text(Package(told, at))

    def metadata() -> Iterator[tuple[Any, ...]]:
        for told, _, text, tags in _all(assets, creators):
            record = encode_text({"description": text, "tags": tags}) if text else "{}"
            title, more = " ".join(unique_words(told.title)), " ".join(unique_words(text, *tags))
            whose = key_of(told.creator or "")
            tagged = " ".join(keys_of(tags))
            yield told.asset_id, int(bool(text)), record, title, title, more, tagged, whose

    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN")
        file.executemany("INSERT INTO packages VALUES (?, ?, ?)", packages())
        file.executemany(
            "INSERT INTO metadata (asset_id, known, revision, record, told, title, more, tags,"
            " creator) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?)",
            metadata(),
        )
        file.execute("COMMIT")


def _fill_mongodb(settings: DatabaseSettings, assets: int, creators: int) -> None:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(settings.mongodb)
    with client:
        database, left = client[settings.name], _all(assets, creators)
        while batch := list(islice(left, AT_ONCE)):
            database["packages"].insert_many([_package(one) for one in batch], ordered=False)
            database["metadata"].insert_many([_described(one) for one in batch], ordered=False)


def _package(one: Made) -> dict[str, Any]:
    package = Package(one.announcement, one.published_at)
    return {"_id": f"{one.announcement.asset_id}/1", **msgspec.to_builtins(package)}


def _described(one: Made) -> dict[str, Any]:
    title, more = unique_words(one.announcement.title), unique_words(one.text, *one.tags)
    return {
        "_id": one.announcement.asset_id,
        "known": 1,
        "revision": int(bool(one.text)),
        "plays": 0,
        "first_at": one.published_at,
        "title_words": title,
        "told_words": title,
        "more_words": more,
        "words": list({*title, *more}),
        "tag_keys": keys_of(one.tags),
        "creator_key": key_of(one.announcement.creator or ""),
        **({"description": one.text, "tags": one.tags} if one.text else {}),
    }
