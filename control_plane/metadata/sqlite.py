"""Metadata in the control plane's SQLite file, for one machine, with a full-text index (FTS5).

What was edited is JSON, into which each edit is merged, so that members of other releases stay.
The columns beside it are folded words, which the index is made of by triggers: a row and what it is
found by change together. The rows' numbers rise, so that the newest are read off the index's end
and nothing is sorted, however many match.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from common.errors import Unavailable
from common.messages import decode, encode_text
from common.service.sqlite import SqliteFile
from control_plane.metadata.records import After, Found, Metadata, Query, Told
from control_plane.metadata.words import key_of, keys_of, unique_words

_INDEXED: Final = "title, more, tags, creator"

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS metadata (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id TEXT NOT NULL UNIQUE,
    known INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    plays INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL DEFAULT '{{}}',
    told TEXT NOT NULL,
    title TEXT NOT NULL,
    more TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '',
    creator TEXT NOT NULL
);
CREATE VIRTUAL TABLE IF NOT EXISTS metadata_words USING fts5 (
    {_INDEXED}, content = 'metadata', content_rowid = 'number', columnsize = 0, prefix = '2 3'
);
CREATE TRIGGER IF NOT EXISTS metadata_inserted AFTER INSERT ON metadata BEGIN
    INSERT INTO metadata_words (rowid, {_INDEXED})
    VALUES (new.number, new.title, new.more, new.tags, new.creator);
END;
CREATE TRIGGER IF NOT EXISTS metadata_deleted AFTER DELETE ON metadata BEGIN
    INSERT INTO metadata_words (metadata_words, rowid, {_INDEXED})
    VALUES ('delete', old.number, old.title, old.more, old.tags, old.creator);
END;
CREATE TRIGGER IF NOT EXISTS metadata_updated AFTER UPDATE OF {_INDEXED} ON metadata BEGIN
    INSERT INTO metadata_words (metadata_words, rowid, {_INDEXED})
    VALUES ('delete', old.number, old.title, old.more, old.tags, old.creator);
    INSERT INTO metadata_words (rowid, {_INDEXED})
    VALUES (new.number, new.title, new.more, new.tags, new.creator);
END;
"""  # noqa: S608 - the only thing put in is a constant of this module

_NOTE = """
INSERT INTO metadata (asset_id, known, told, title, creator)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 2, value ->> 3 FROM json_each(?) WHERE true
ON CONFLICT (asset_id) DO UPDATE SET known = excluded.known, told = excluded.told,
    title = CASE WHEN record ->> 'title' IS NULL THEN excluded.title ELSE metadata.title END,
    creator = excluded.creator
WHERE metadata.known < excluded.known
"""

_REPLACE = """
INSERT INTO metadata (asset_id, known, revision, record, told, title, more, tags, creator)
SELECT :asset_id, :known, :revision, :record, :told, coalesce(:title, :told), :more, :tags, :creator
WHERE :revision = 1 OR EXISTS (SELECT 1 FROM metadata WHERE asset_id = :asset_id)
ON CONFLICT (asset_id) DO UPDATE SET revision = excluded.revision,
    record = json_patch(metadata.record, excluded.record),
    title = coalesce(:title, metadata.told), more = excluded.more, tags = excluded.tags
WHERE metadata.revision = excluded.revision - 1
"""

_PLAYS = """
UPDATE metadata SET plays = plays + told.value FROM json_each(?) AS told
WHERE asset_id = told.key
"""

_SEARCH = """
SELECT metadata.number, metadata.asset_id FROM metadata_words
JOIN metadata ON metadata.number = metadata_words.rowid
WHERE metadata_words MATCH ? AND metadata_words.rowid < ?
ORDER BY metadata_words.rowid DESC LIMIT ?
"""

_SEARCHES: Final = 2
"""Connections for searches: one that takes its time does not hold up the next."""
_SEARCHED_WITHIN: Final = 2.0
"""Seconds that a search may take, and wait for others."""

_FIRST: Final = 2**53
"""More than any row's number."""


class _Record(msgspec.Struct, frozen=True):
    """What of a record this release knows."""

    title: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    edited_at: float | None = None
    edited_by: str = ""


class SqliteMetadata:
    """The adapter for one machine."""

    def __init__(
        self, file: SqliteFile, durable: SqliteFile, searched: Sequence[SqliteFile]
    ) -> None:
        self._file = file
        self._durable = durable
        self._searched = tuple(searched)
        # The one that was used last knows most of the file.
        self._idle: asyncio.LifoQueue[SqliteFile] = asyncio.LifoQueue()
        for each in searched:
            self._idle.put_nowait(each)

    @classmethod
    async def open(cls, path: Path) -> "SqliteMetadata":
        """The metadata in the file ``path``, made when it is missing.

        Raises:
            Unavailable: the file cannot be opened or is no SQLite database.
        """
        opened = [*await SqliteFile.open_both(path, _SCHEMA)]
        # A search for words that half of all assets have takes its time: nobody else waits for it.
        try:
            while len(opened) < 2 + _SEARCHES:
                opened.append(await SqliteFile.open(path, _SCHEMA, synchronous="NORMAL"))
        except BaseException:
            for file in opened:
                await file.close()
            raise
        return cls(opened[0], opened[1], opened[2:])

    async def note(self, told: Sequence[Told]) -> None:
        """See the port."""
        rows = [
            (one.asset_id, one.known, _joined(unique_words(one.title)), _creator(one.creator))
            for one in told
        ]
        await self._file.write(_NOTE, (encode_text(rows),))

    async def noted(self, after: str, limit: int) -> list[tuple[str, int]]:
        """See the port."""
        rows = await self._file.read(
            "SELECT asset_id, known FROM metadata WHERE asset_id > ? ORDER BY asset_id LIMIT ?",
            (after, limit),
        )
        return [(asset_id, known) for asset_id, known in rows]

    async def forget(self, asset_ids: Collection[str]) -> None:
        """See the port."""
        await self._durable.write(
            "DELETE FROM metadata WHERE asset_id IN (SELECT value FROM json_each(?))",
            (encode_text(list(asset_ids)),),
        )

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """See the port."""
        rows = await self._file.read(
            "SELECT asset_id, revision, plays, record FROM metadata"
            " WHERE asset_id IN (SELECT value FROM json_each(?))",
            (encode_text(list(asset_ids)),),
        )
        return {asset_id: _metadata(asset_id, *row) for asset_id, *row in rows}

    async def replace(self, told: Told, metadata: Metadata) -> bool:
        """See the port."""
        title = metadata.title
        values = {
            "asset_id": metadata.asset_id,
            "known": told.known,
            "revision": metadata.revision,
            "record": encode_text(metadata.edited),
            "told": _joined(unique_words(told.title)),
            "title": _joined(unique_words(title)) if title is not None else None,
            "more": _joined(unique_words(metadata.description, *metadata.tags)),
            "tags": _joined(keys_of(metadata.tags)),
            "creator": _creator(told.creator),
        }
        return await self._durable.write(_REPLACE, values) > 0

    async def add_plays(self, plays: Mapping[str, int]) -> None:
        """See the port."""
        await self._file.write(_PLAYS, (encode_text(dict(plays)),))

    async def search(self, query: Query, after: After | None, limit: int) -> Found:
        """See the port."""
        tiers = _tiers(query)
        start = after or After(0, _FIRST, "")
        rows: list[tuple[int, float, str]] = []
        for tier, match in enumerate(tiers):
            if tier < start.tier or len(rows) > limit:
                continue
            below = int(start.at) if tier == start.tier else _FIRST
            found = await self._found(match, below, limit + 1 - len(rows))
            rows += [(tier, number, asset_id) for number, asset_id in found]
        page = rows[:limit]
        more = After(*page[-1]) if len(rows) > limit and page else None
        return Found(tuple(asset_id for _, _, asset_id in page), more)

    async def _found(self, match: str, below: int, limit: int) -> list[tuple[int, str]]:
        try:
            async with asyncio.timeout(_SEARCHED_WITHIN):
                file = await self._idle.get()
        except TimeoutError:
            raise Unavailable(what="search", reason="too many look for something") from None
        try:
            return await file.read(_SEARCH, (match, below, limit), within=_SEARCHED_WITHIN)
        finally:
            self._idle.put_nowait(file)

    async def close(self) -> None:
        """See the port."""
        for file in (self._file, self._durable, *self._searched):
            await file.close()


def _tiers(query: Query) -> list[str]:
    """The expressions of FTS5 for each tier. Words are folded, so that none has a quote in it."""
    filters = []
    if query.tag is not None:
        filters.append(f'tags : "{key_of(query.tag)}"')
    if query.creator is not None:
        filters.append(f'creator : "{key_of(query.creator)}"')
    words = [f'"{word}"' for word in query.words]
    if query.prefix is not None:
        words.append(f'"{query.prefix}" *')
    if not words:
        return [" AND ".join(filters)]
    named = " AND ".join([f"title : ({' AND '.join(words)})", *filters])
    anywhere = " AND ".join([f"{{title more}} : ({' AND '.join(words)})", *filters])
    return [named, f"({anywhere}) NOT title : ({' AND '.join(words)})"]


def _metadata(asset_id: str, revision: int, plays: int, record: str) -> Metadata:
    known = decode(record, _Record)
    return Metadata(
        asset_id=asset_id, revision=revision, plays=plays, **msgspec.structs.asdict(known)
    )


def _creator(creator: str | None) -> str:
    return key_of(creator) if creator is not None else ""


def _joined(words: Sequence[str]) -> str:
    return " ".join(words)
