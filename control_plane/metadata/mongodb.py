"""Metadata in MongoDB, for control planes on many machines.

An asset's document has its folded words in arrays that are indexed. A text index of MongoDB's own
finds no word by its beginning, and folds otherwise than the other adapter. Edits set members of a
document, so that those of other releases stay.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.messages import MessageInvalid
from common.service.mongodb import Document, MongoAdapter, translating
from control_plane.metadata.records import After, Found, Metadata, Query, Told
from control_plane.metadata.words import key_of, keys_of, unique_words

_SEARCHED_WITHIN: Final = 2000
"""Milliseconds that a search may take on the server."""
_SHOWN: Final = ["title", "description", "tags", "edited_at", "edited_by", "revision", "plays"]


class MongoMetadata(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        super().__init__(client, name)
        self._metadata: AsyncCollection[Document] = self._kept["metadata"]

    async def _prepare(self) -> None:
        for words in ("words", "title_words", "tag_keys"):
            await self._metadata.create_index({words: 1, "first_at": -1, "_id": -1})
        # For the beginnings of many words: the newest that have one are found sooner by age.
        await self._metadata.create_index({"first_at": -1, "_id": -1})

    async def note(self, told: Sequence[Told]) -> None:
        """See the port."""
        changes = [UpdateOne({"_id": one.asset_id}, _noting(one), upsert=True) for one in told]
        if changes:
            async with translating():
                await self._metadata.bulk_write(changes, ordered=False)

    async def noted(self, after: str, limit: int) -> list[tuple[str, int]]:
        """See the port."""
        async with translating():
            found = self._metadata.find({"_id": {"$gt": after}}, ["known"]).sort("_id").limit(limit)
            return [(each["_id"], int(each.get("known", 0))) for each in await found.to_list()]

    async def forget(self, asset_ids: Collection[str]) -> None:
        """See the port."""
        async with translating():
            await self._metadata.delete_many({"_id": {"$in": list(asset_ids)}})

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """See the port."""
        async with translating():
            found = await self._metadata.find({"_id": {"$in": list(asset_ids)}}, _SHOWN).to_list()
        return {document["_id"]: _metadata(document) for document in found}

    async def replace(self, told: Told, metadata: Metadata) -> bool:
        """See the port."""
        before = metadata.revision - 1
        # Of one that was noted only, nobody has counted edits.
        which = {"_id": told.asset_id, "revision": before or {"$in": [0, None]}}
        more = unique_words(metadata.description, *metadata.tags)
        title = metadata.title
        named = unique_words(title) if title is not None else None
        told_words = {"$ifNull": ["$told_words", unique_words(told.title)]}
        values: Document = {
            **metadata.edited,
            "revision": metadata.revision,
            "known": {"$ifNull": ["$known", told.known]},
            "first_at": {"$ifNull": ["$first_at", told.first_at]},
            "told_words": told_words,
            "title_words": told_words if named is None else named,
            "more_words": more,
            "tag_keys": keys_of(metadata.tags),
            "creator_key": {"$ifNull": ["$creator_key", _creator(told.creator)]},
        }
        change = [_set(values), {"$set": {"words": _ALL_WORDS}}]
        async with translating():
            try:
                done = await self._metadata.update_one(which, change, upsert=before == 0)
            except DuplicateKeyError:
                return False
        return done.matched_count > 0 or done.upserted_id is not None

    async def add_plays(self, plays: Mapping[str, int]) -> None:
        """See the port."""
        changes = [UpdateOne({"_id": name}, {"$inc": {"plays": n}}) for name, n in plays.items()]
        if changes:
            async with translating():
                await self._metadata.bulk_write(changes, ordered=False)

    async def search(self, query: Query, after: After | None, limit: int) -> Found:
        """See the port."""
        rows: list[tuple[int, float, str]] = []
        for tier, wanted in enumerate(_tiers(query)):
            if (after and tier < after.tier) or len(rows) > limit:
                continue
            which = wanted
            if after is not None and tier == after.tier:
                older = {"first_at": {"$lt": after.at}}
                same = {"first_at": after.at, "_id": {"$lt": after.asset_id}}
                which = [*wanted, {"$or": [older, same]}]
            async with translating():
                found = self._metadata.find({"$and": which}, ["first_at"])
                found = found.sort({"first_at": -1, "_id": -1}).limit(limit + 1 - len(rows))
                documents = await found.max_time_ms(_SEARCHED_WITHIN).to_list()
            rows += [(tier, each["first_at"], each["_id"]) for each in documents]
        page = rows[:limit]
        more = After(*page[-1]) if len(rows) > limit and page else None
        return Found(tuple(asset_id for _, _, asset_id in page), more)


def _set(values: Mapping[str, Any]) -> Document:
    """A stage that sets members: what is no expression of this module is taken as it is, a title
    that begins with a dollar sign included."""
    return {
        "$set": {
            name: value if isinstance(value, dict) else {"$literal": value}
            for name, value in values.items()
        }
    }


_ALL_WORDS: Final = {
    "$setUnion": [{"$ifNull": ["$title_words", []]}, {"$ifNull": ["$more_words", []]}]
}


def _noting(told: Told) -> list[Document]:
    """The change that notes an asset, unless more is known of it."""
    words = unique_words(told.title)
    newer = {"$lt": [{"$ifNull": ["$known", -1]}, told.known]}
    edited = {"$ne": [{"$ifNull": ["$title", None]}, None]}

    def unless(held: Any, name: str, value: Any) -> Document:
        return {"$cond": [held, f"${name}", {"$literal": value}]}

    older = {"$not": [newer]}
    values = {
        "title_words": unless({"$or": [older, edited]}, "title_words", words),
        "told_words": unless(older, "told_words", words),
        "creator_key": unless(older, "creator_key", _creator(told.creator)),
        "first_at": unless(older, "first_at", told.first_at),
        "known": unless(older, "known", told.known),
        "revision": {"$ifNull": ["$revision", 0]},
        "plays": {"$ifNull": ["$plays", 0]},
    }
    return [{"$set": values}, {"$set": {"words": _ALL_WORDS}}]


def _tiers(query: Query) -> list[list[Document]]:
    """What has to hold in each tier."""
    filters: list[Document] = []
    if query.tag is not None:
        filters.append({"tag_keys": key_of(query.tag)})
    if query.creator is not None:
        filters.append({"creator_key": key_of(query.creator)})
    named, anywhere = _words(query, "title_words"), _words(query, "words")
    if not named:
        return [filters]
    return [[*named, *filters], [*anywhere, *filters, {"$nor": [{"$and": named}]}]]


def _words(query: Query, name: str) -> list[Document]:
    found: list[Document] = [{name: word} for word in query.words]
    if query.prefix is not None:
        within = {"$gte": query.prefix, "$lt": query.prefix + "\U0010ffff"}
        found.append({name: {"$elemMatch": within}})
    return found


def _metadata(document: Document) -> Metadata:
    asset_id = document.pop("_id")
    known = {name: value for name, value in document.items() if value is not None}
    try:
        return msgspec.convert({"asset_id": asset_id, **known}, Metadata)
    except msgspec.ValidationError as error:
        raise MessageInvalid(message="Metadata", reason=str(error)) from error


def _creator(creator: str | None) -> str:
    return key_of(creator) if creator is not None else ""
