"""The documents of one family in memory, with what they mean: so that no viewer waits for a
database.

What is told here holds here at once, and on every other control plane with its next look.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from common import logs
from common.clock import Clock
from control_plane.documents.port import REVISION_BITS, Document, DocumentStore

T = TypeVar("T")

Known = Mapping[str, Document]
"""Documents by name."""

_log = logs.get(__name__)


class Folder(Generic[T]):
    """Knows the documents of a family."""

    def __init__(
        self,
        store: DocumentStore,
        family: str,
        meaning: Callable[[Known], T],
        clock: Clock,
    ) -> None:
        """``meaning`` makes of documents what is asked for; it is called in threads."""
        self._store = store
        self._family = family
        self._meaning = meaning
        self._clock = clock
        self._changing = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.known: Known = {}
        """By name."""
        self._state = 0
        """What their revisions add up to."""
        self.meant = meaning({})
        """What the documents mean."""
        self.on_written: Callable[[], None] = lambda: None
        """Called when something was told that other control planes do not know yet."""

    def on_change(self, listener: Callable[[], None]) -> None:
        """Has ``listener`` called when the documents mean something else."""
        self._listeners.append(listener)

    async def put(self, name: str, body: bytes, *, by: str) -> Document:
        """Tells a document in place of the last of its name; durable when this returns.

        Args:
            name: of the document.
            body: what is told; when it means nothing, what the meaning raises is raised, and
                nothing has changed.
            by: the operator's name.

        Raises:
            Unavailable: the database does not answer.
            StorageFull: no space is left.
        """
        revision = secrets.randbits(REVISION_BITS) | 1
        told = Document(self._family, name, body, by, self._clock.now(), revision)
        async with self._changing:
            known = {**self.known, name: told}
            meant = await asyncio.to_thread(self._meaning, known)
            await self._store.put(told)
            self._take(known, meant)
        self._wrote("an operator's document was taken", told.name, by)
        return told

    async def delete(self, name: str, *, by: str) -> bool:
        """Forgets a document; whether there was one. Raises as ``put``."""
        async with self._changing:
            known = {key: told for key, told in self.known.items() if key != name}
            meant = await asyncio.to_thread(self._meaning, known)
            gone = await self._store.delete(self._family, name)
            self._take(known, meant)
        self._wrote("an operator's document was deleted", name, by)
        return gone

    def _wrote(self, event: str, name: str, by: str) -> None:
        self.on_written()
        _log.info(event, family=self._family, document=name, by=by)

    async def save(self) -> None:
        """Does nothing: documents are written down before they hold."""

    async def refresh(self) -> None:
        """Reads what other control planes were told.

        Raises:
            Unavailable: the database does not answer; the last documents hold.
            NearcastError: a document is none that this release can read; likewise.
        """
        async with self._changing:
            # Of what is known here, not of what was read last: what was told here and taken back
            # elsewhere adds up to what was there before.
            if await self._store.state(self._family) != self._state:
                await self._restore(await self._store.all(self._family))

    async def restore(self, documents: Iterable[Document]) -> None:
        """Goes on from what was known before a restart; of ``documents``, from those of the family.

        Raises:
            NearcastError: a document is none that this release can read.
        """
        async with self._changing:
            await self._restore(documents)

    async def _restore(self, documents: Iterable[Document]) -> None:
        known = {told.name: told for told in documents if told.family == self._family}
        if known != self.known:
            self._take(known, await asyncio.to_thread(self._meaning, known))

    def _take(self, known: Known, meant: T) -> None:
        self.known, self.meant = known, meant
        self._state = sum(told.revision for told in known.values())
        for listener in self._listeners:
            listener()
