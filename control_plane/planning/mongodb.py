"""The plan in MongoDB, for control planes on many machines, without transactions.

One document has the lease and the head, so that both change together or not at all. A commit takes
the next number from it, writes its rows as new documents under that number and then moves the head
to it, all under its token. Numbers whose planner did not get that far are gaps: the commit after
them notes them as it moves the head past, and their rows are never read. So nothing that a paused
planner still sends can touch what its successor wrote. A row is deleted once there is a newer one.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from pymongo import AsyncMongoClient, ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from common.errors import Unavailable
from common.service.mongodb import Document, MongoAdapter, pages, read, translating
from control_plane.planning.port import Decided, Demand, LeaseLost, PlanRow

_THE = {"_id": "planner"}
_AT_ONCE: Final = 2000
"""Documents in one request."""
_GAPS_AT_MOST: Final = 1000
"""How many gaps are remembered: so many planners must have died in a commit before rows that the
first of them sends so late could be read."""


class MongoPlanStore(MongoAdapter):
    """The adapter for many machines."""

    def __init__(self, client: AsyncMongoClient[Document], name: str) -> None:
        super().__init__(client, name)
        self._planner: AsyncCollection[Document] = self._kept["planner"]
        self._plan: AsyncCollection[Document] = self._kept["plan"]
        self._demand: AsyncCollection[Document] = self._passing["demand"]

    async def _prepare(self) -> None:
        await self._plan.create_index({"revision": 1, "_id": 1})
        await self._plan.create_index("asset_id")
        await self._demand.create_index({"_id.era": -1, "total": -1})

    async def acquire(self, holder: str, seconds: float) -> int | None:
        """See the port."""
        age = {"$abs": {"$subtract": ["$$NOW", "$at"]}}
        free = {
            "$or": [
                {"$eq": [{"$ifNull": ["$holder", None]}, None]},
                {"$eq": ["$holder", {"$literal": holder}]},
                {"$gte": [age, "$milliseconds"]},
            ]
        }
        first = {"$ne": ["$holder", {"$literal": holder}]}
        taken = {
            "token": {"$add": [{"$ifNull": ["$token", 0]}, {"$cond": [first, 1, 0]}]},
            "holder": {"$literal": holder},
            "at": "$$NOW",
            "milliseconds": {"$literal": seconds * 1000},
        }
        change = {name: {"$cond": [free, new, f"${name}"]} for name, new in taken.items()}
        kept = {name: {"$ifNull": [f"${name}", 0]} for name in ("head", "taken")}
        async with translating():
            found = await self._planner.find_one_and_update(
                _THE,
                [{"$set": {**change, **kept}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return int(found["token"]) if found and found["holder"] == holder else None

    async def release(self, token: int) -> None:
        """See the port."""
        async with translating():
            await self._planner.update_one({**_THE, "token": token}, {"$set": {"holder": None}})

    async def commit(self, token: int, rows: Sequence[Decided]) -> int:
        """See the port."""
        mine = {**_THE, "token": token}
        async with translating():
            step = {"$inc": {"taken": 1 if rows else 0}}
            state = await self._planner.find_one_and_update(
                mine, step, return_document=ReturnDocument.AFTER
            )
            if state is None:
                raise LeaseLost
            head, revision = state["head"], state["taken"]
            if not rows:
                return int(head)
            for start in range(0, len(rows), _AT_ONCE):
                part = [_document(row, revision) for row in rows[start : start + _AT_ONCE]]
                await self._plan.insert_many(part, ordered=False)
            moved = await self._planner.update_one({**mine, "head": head}, _moved(head, revision))
            if moved.modified_count == 0:
                raise LeaseLost
        # Whatever is left of this is never read; the next commit of the same assets deletes it.
        with suppress(Unavailable):
            await self._tidy(head, revision, rows)
        return int(revision)

    async def _tidy(self, head: int, revision: int, rows: Sequence[Decided]) -> None:
        """Deletes rows in place of which there are new ones, and those of the gap before them."""
        async with translating():
            if revision - head > 1:
                await self._plan.delete_many({"revision": {"$gt": head, "$lt": revision}})
            for start in range(0, len(rows), _AT_ONCE):
                names = [row.asset_id for row in rows[start : start + _AT_ONCE]]
                await self._plan.delete_many(
                    {"asset_id": {"$in": names}, "revision": {"$lt": revision}}
                )

    async def head(self) -> int:
        """See the port."""
        head, _ = await self._state()
        return head

    async def rows(self, since: int) -> tuple[PlanRow, ...]:
        """See the port."""
        found: dict[str, PlanRow] = {}
        edges: dict[str, str] = {}
        head, gaps = await self._state()
        # While rows are read, a commit may delete some of them: then its own are read too.
        while since < head:
            wanted = {"revision": {"$gt": since, "$lte": head}}
            async for page in pages(self._plan, wanted, "revision"):
                for row in (_row(document, edges) for document in page):
                    known = found.get(row.asset_id)
                    if (known is None or known.revision < row.revision) and not any(
                        first <= row.revision <= last for first, last in gaps
                    ):
                        found[row.asset_id] = row
            since = head
            head, gaps = await self._state()
        return tuple(found.values())

    async def _state(self) -> tuple[int, list[tuple[int, int]]]:
        """The head, and the first and last number of each gap before it."""
        async with translating():
            state = await self._planner.find_one(_THE, ["head", "gaps"]) or {}
        return state.get("head", 0), [(gap[0], gap[1]) for gap in state.get("gaps", ())]

    async def add_demand(self, amounts: Iterable[tuple[str, str, float]], era: int = 0) -> None:
        """See the port."""
        sums: dict[tuple[str, str], float] = defaultdict(float)
        for asset_id, region, amount in amounts:
            sums[asset_id, region] += amount
        changes = (
            UpdateOne(
                {"_id": {"era": era, "asset_id": asset_id, "region": region}},
                {"$inc": {"total": amount}},
                upsert=True,
            )
            for (asset_id, region), amount in sums.items()
        )
        async with translating():
            while part := list(islice(changes, _AT_ONCE)):
                await self._demand.bulk_write(part, ordered=False)

    async def demand(self) -> tuple[Demand, ...]:
        """See the port."""
        return tuple([_sum(each) async for page in pages(self._demand, {}) for each in page])

    async def most_demanded(self, limit: int) -> tuple[Demand, ...]:
        """See the port."""
        found = self._demand.find().sort({"_id.era": -1, "total": -1}).limit(limit)
        return tuple(map(_sum, await read(found)))

    async def forget_demand(self, before: int) -> None:
        """See the port."""
        async with translating():
            await self._demand.delete_many({"_id.era": {"$lt": before}})


def _sum(document: Document) -> Demand:
    name = document["_id"]
    return Demand(name["asset_id"], name["region"], name["era"], document["total"])


def _moved(head: int, revision: int) -> Document:
    """The change that moves the head from ``head`` to ``revision``."""
    change: Document = {"$set": {"head": revision}}
    if revision - head > 1:
        gap = {"$each": [[head + 1, revision - 1]], "$slice": -_GAPS_AT_MOST}
        change["$push"] = {"gaps": gap}
    return change


def _document(row: Decided, revision: int) -> Document:
    return {
        "asset_id": row.asset_id,
        "edges": list(row.edges),
        "revision": revision,
        "urgent": row.urgent,
        "priority": row.priority,
        "lost": list(row.lost),
        "told": row.told,
    }


def _row(document: Document, names: dict[str, str]) -> PlanRow:
    """The row in ``document``; the same edge is the same text in all of them, to save memory."""
    return PlanRow(
        document["asset_id"],
        tuple(names.setdefault(edge, edge) for edge in document["edges"]),
        document["revision"],
        document["urgent"],
        document["priority"],
        tuple(names.setdefault(edge, edge) for edge in document["lost"]),
        document["told"],
    )
