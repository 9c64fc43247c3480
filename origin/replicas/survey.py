"""What two stores hold, version by version: both listings are read side by side, in key order.

So it takes the memory of one version, however many there are.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from origin.replicas.layout import MOST_OBJECTS, VersionName, name_of
from origin.store import REMOVED, ObjectStore

ROOT: Final = "v/"
"""What the keys of all versions begin with."""


@dataclass(slots=True)
class Listed:
    """A version's objects in the listing of one store."""

    name: VersionName
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes, by key; no more than ``MOST_OBJECTS`` and the manifest."""
    more: bool = False
    """Whether there are others."""

    @property
    def whole(self) -> bool:
        """Whether the manifest is there, which is written last."""
        return self.name.manifest in self.sizes

    def add(self, key: str, size: int) -> None:
        """Notes an object."""
        if len(self.sizes) <= MOST_OBJECTS or key == self.name.manifest:
            self.sizes[key] = size
        else:
            self.more = True


async def versions(store: ObjectStore, after: str = "") -> AsyncGenerator[Listed, None]:
    """The versions in ``store`` whose keys sort after ``after``, in the order of their prefixes.

    Raises:
        Unavailable: the store does not answer.
    """
    current: Listed | None = None
    async with contextlib.aclosing(store.list(ROOT, after=after)) as found:
        async for each in found:
            name = name_of(each.key)
            if name is None:
                continue
            if current is None or current.name != name:
                if current is not None:
                    yield current
                current = Listed(name)
            current.add(each.key, each.size)
    if current is not None:
        yield current


async def side_by_side(
    stores: Sequence[ObjectStore], after: str = ""
) -> AsyncGenerator[tuple[VersionName, list[Listed | None]], None]:
    """Every version in any of ``stores``, with what each of them holds of it.

    Raises:
        Unavailable: one of them does not answer.
    """
    async with contextlib.AsyncExitStack() as stack:
        rows = []
        for store in stores:
            row = versions(store, after)
            stack.push_async_callback(row.aclose)
            rows.append(row)
        heads = [await anext(row, None) for row in rows]
        while left := [head.name.prefix for head in heads if head is not None]:
            prefix = min(left)
            held = [head if head and head.name.prefix == prefix else None for head in heads]
            yield next(each.name for each in held if each is not None), held
            for number, each in enumerate(held):
                if each is not None:
                    heads[number] = await anext(rows[number], None)


async def removals(store: ObjectStore) -> AsyncGenerator[VersionName, None]:
    """The versions of which ``store`` knows that they were removed, in the order of their keys.

    Raises:
        Unavailable: the store does not answer.
    """
    async with contextlib.aclosing(store.list(REMOVED)) as found:
        async for each in found:
            parts = each.key.split("/")
            if len(parts) == 3:
                yield VersionName(parts[1], parts[2])


async def only_in_second(
    one: AsyncIterator[VersionName], other: AsyncIterator[VersionName]
) -> AsyncGenerator[VersionName, None]:
    """The names of ``other`` that ``one`` lacks; both are in the order of their keys."""
    mine = await anext(one, None)
    async for name in other:
        while mine is not None and "/".join(mine) < "/".join(name):
            mine = await anext(one, None)
        if mine != name:
            yield name
