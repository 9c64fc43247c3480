"""Uploads in several requests: begun, gone on with where the last one ended, joined, given up."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import StreamReader

from common.clock import Clock
from common.errors import NearcastError
from ingest.jobs.identifiers import made_at
from ingest.upload import record
from ingest.upload.admission import Admission
from ingest.upload.body import Body
from ingest.upload.errors import (
    OffsetConflict,
    PartUnfit,
    ServiceEnding,
    UploadBusy,
    UploadExpired,
    UploadFinal,
    UploadFragmented,
    UploadOverrun,
    UploadTakenOver,
    UploadTooLarge,
    UploadUnknown,
    UploadWhole,
)
from ingest.upload.finishing import Finisher
from ingest.upload.record import MOST_PIECES, Piece, Upload, UploadKind, UploadState
from ingest.upload.removal import Remover
from ingest.upload.request import UploadRequest
from ingest.upload.store import UploadStore
from ingest.upload.tus import Checksum
from origin.store import ObjectStore

TAKE_OVER_WITHIN = 30.0
"""Seconds that a request waits for the one before it to make its bytes safe."""


@dataclass(frozen=True)
class Content:
    """What a request brings."""

    stream: StreamReader
    offset: int
    length: int | None
    """As Content-Length tells it."""
    checksum: Checksum | None = None


@dataclass
class _Turn:
    """Whose turn it is with an upload, in this process."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0
    body: Body | None = None


class Resumable:
    """Takes such uploads in."""

    def __init__(
        self,
        objects: ObjectStore,
        records: UploadStore,
        finisher: Finisher,
        remover: Remover,
        admission: Admission,
        clock: Clock,
        *,
        stall_timeout: float,
        lifetime: float,
        observe: Callable[[int], None],
    ) -> None:
        """The times in seconds; ``observe`` counts bytes received."""
        self._objects = objects
        self._records = records
        self._finisher = finisher
        self._remover = remover
        self._admission = admission
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._lifetime = lifetime
        self._observe = observe
        self._turns: dict[tuple[str, str], _Turn] = {}

    async def begin(
        self,
        wanted: UploadRequest,
        owner: str,
        length: int,
        *,
        kind: UploadKind,
        metadata: str | None,
    ) -> Upload:
        """A new upload of ``length`` bytes; ``metadata`` is what its client said of it.

        Raises:
            QuotaExceeded: ``owner`` may not upload so much today.
            StorageFull: no space is left.
            Unavailable: the database is away.
        """
        await self._admission.charge(owner, uploads=1, size=length)
        upload = record.begun(
            wanted,
            owner,
            length,
            kind=kind,
            metadata=metadata,
            now=self._clock.now(),
            lifetime=self._lifetime,
            random=os.urandom(record.RANDOM_OF_UPLOAD),
        )
        await self._records.add(upload)
        return upload

    async def join(
        self, wanted: UploadRequest, owner: str, parts: tuple[str, ...], *, metadata: str | None
    ) -> Upload:
        """The upload that joins ``parts``, partial uploads of ``owner`` which are whole.

        When they were joined before, and just so, it is the upload that joined them.

        Raises:
            PartUnfit: one of them cannot be joined.
            StorageFull: no space is left.
            Unavailable: the database is away.
            UploadFragmented, UploadTooLarge: together they are more than one file may be.
        """
        partials = [await self._part(upload_id, owner) for upload_id in parts]
        if (known := await self._joined(partials, parts)) is not None:
            return await self._finisher.finish(known)
        for partial in partials:
            if not await self._finisher.joinable(partial):
                reason = "is not whole" if partial.taken_by is None else "is part of another upload"
                raise PartUnfit(upload_id=partial.upload_id, reason=reason)
        pieces = tuple(piece for partial in partials for piece in partial.pieces)
        length = sum(partial.length for partial in partials)
        if length > wanted.limit:
            raise UploadTooLarge(limit=wanted.limit)
        if len(pieces) > MOST_PIECES:
            raise UploadFragmented(limit=MOST_PIECES)
        begun = record.begun(
            wanted,
            owner,
            length,
            kind=UploadKind.FINAL,
            metadata=metadata,
            parts=parts,
            now=self._clock.now(),
            lifetime=self._lifetime,
            random=os.urandom(record.RANDOM_OF_UPLOAD),
        )
        sha256 = partials[0].sha256 if len(partials) == 1 else None
        final = self._extended(begun, pieces, sha256)
        await self._records.add(final)
        return await self._finisher.finish(final)

    async def _part(self, upload_id: str, owner: str) -> Upload:
        partial = await self._records.upload(upload_id)
        if partial is None or partial.owner != owner:
            raise PartUnfit(upload_id=upload_id, reason="does not exist")
        if partial.kind is not UploadKind.PARTIAL:
            raise PartUnfit(upload_id=upload_id, reason="is no partial upload")
        return partial

    async def _joined(self, partials: list[Upload], parts: tuple[str, ...]) -> Upload | None:
        """The upload that joined just these: the answer to whoever made it was lost."""
        takers = {partial.taken_by for partial in partials}
        (taker, *others) = takers
        if taker is None or others:
            return None
        final = await self._records.upload(taker)
        return final if final is not None and final.parts == parts else None

    async def look(self, upload_id: str, owner: str) -> Upload:
        """The upload as it stands; a request that still brings it bytes is ended.

        Raises:
            StorageFull: no space is left.
            Unavailable: the database is away.
            UploadBusy: the request before takes too long to make its bytes safe.
            UploadExpired, UploadUnknown: there is none any more, or never was.
        """
        async with self._turn(owner, upload_id):
            return await self._finisher.finish(await self._known(upload_id, owner))

    async def terminate(self, upload_id: str, owner: str) -> None:
        """Gives an upload up, and what came of it.

        Raises:
            UploadWhole: its bytes are a job's.
            StorageFull, Unavailable, UploadBusy, UploadExpired, UploadUnknown: as ``look``.
        """
        async with self._turn(owner, upload_id):
            upload = await self._known(upload_id, owner)
            waits = upload.state is UploadState.RECEIVED and upload.kind is UploadKind.PARTIAL
            if upload.state is not UploadState.OPEN and not waits:
                raise UploadWhole(upload_id=upload_id)
            await self._remover.remove(upload)

    async def append(self, upload_id: str, owner: str, content: Content) -> Upload:
        """The upload once what ``content`` brings is safe; with the last byte its job is made.

        A request for the same upload that came before and still brings bytes is ended. When the
        content ends early, what came of it counts, unless it has a checksum.

        Raises:
            ChecksumWrong: it does not match; nothing of it counts.
            OffsetConflict: the content does not begin where the upload goes on.
            StorageFull: no space is left.
            Unavailable: database or store are away.
            UploadCutOff, UploadStalled, UploadTakenOver: the content ended early.
            UploadFragmented: the upload came in too many portions.
            UploadOverrun: the content is more than the upload needs.
            UploadFinal: it takes no bytes.
            UploadBusy, UploadExpired, UploadUnknown: as ``look``.
        """
        async with self._turn(owner, upload_id) as turn:
            upload = await self._known(upload_id, owner)
            if upload.kind is UploadKind.FINAL:
                raise UploadFinal(upload_id=upload_id)
            if content.offset != upload.offset:
                raise OffsetConflict(offset=upload.offset, given=content.offset)
            turn.body = self._body(content, upload)
            if turn.wanted > 1:
                # Who waits came later, before there was anything to end.
                turn.body.interrupt(UploadTakenOver())
            if content.checksum is None:
                upload = await self._receive(upload, turn.body)
            else:
                upload = await self._receive_checked(upload, turn.body, content.checksum)
            upload = await self._finisher.finish(upload)
            if turn.body.failure is not None:
                raise turn.body.failure
            return upload

    def interrupt(self) -> None:
        """Ends all content that is coming, as the service goes down: what came is made safe."""
        for turn in self._turns.values():
            if turn.body is not None:
                turn.body.interrupt(ServiceEnding())

    def _body(self, content: Content, upload: Upload) -> Body:
        room = upload.length - upload.offset
        if content.length is not None and content.length > room:
            raise UploadOverrun(room=room)
        return Body(
            content.stream,
            room=room,
            too_large=lambda: UploadOverrun(room=room),
            expected=content.length,
            stall_timeout=self._stall_timeout,
            observe=self._observe,
            checksum=content.checksum,
        )

    async def _receive(self, upload: Upload, body: Body) -> Upload:
        while await body.more():
            piece, sha256 = await self._put(upload, body, upload.offset)
            upload = await self._commit(upload, (piece,), sha256)
        return upload

    async def _receive_checked(self, upload: Upload, body: Body, checksum: Checksum) -> Upload:
        pieces: tuple[Piece, ...] = ()
        sha256, offset = None, upload.offset
        try:
            while await body.more():
                piece, sha256 = await self._put(upload, body, offset)
                pieces, offset = (*pieces, piece), offset + piece.size
            body.check(checksum)
        except BaseException:
            await asyncio.shield(self._forget(pieces))
            raise
        if not pieces:
            return upload
        return await self._commit(upload, pieces, sha256 if len(pieces) == 1 else None)

    async def _put(self, upload: Upload, body: Body, offset: int) -> tuple[Piece, str | None]:
        if len(upload.pieces) >= MOST_PIECES:
            raise UploadFragmented(limit=MOST_PIECES)
        key = record.piece_key(upload.upload_id, offset, secrets.token_hex(4))
        info = await self._objects.put(key, body.piece(), content_type=upload.content_type)
        return Piece(key, info.size), info.sha256

    async def _commit(
        self, upload: Upload, pieces: tuple[Piece, ...], sha256: str | None
    ) -> Upload:
        more = self._extended(upload, pieces, sha256)
        if not await self._records.swap(upload, more):
            await self._forget(pieces)
            # Another process was faster: its bytes count.
            now = await self._records.upload(upload.upload_id)
            offset = upload.offset if now is None else now.offset
            raise OffsetConflict(offset=offset, given=upload.offset)
        return more

    def _extended(self, upload: Upload, pieces: tuple[Piece, ...], sha256: str | None) -> Upload:
        return record.extended(
            upload, pieces, sha256=sha256, now=self._clock.now(), lifetime=self._lifetime
        )

    async def _forget(self, pieces: tuple[Piece, ...]) -> None:
        with contextlib.suppress(NearcastError):
            for piece in pieces:
                await self._objects.delete(piece.key)

    async def _known(self, upload_id: str, owner: str) -> Upload:
        upload = await self._records.upload(upload_id) if made_at(upload_id) else None
        if upload is None or upload.owner != owner or upload.kind is UploadKind.DIRECT:
            raise UploadUnknown(upload_id=upload_id[:64])
        expired = upload.state is UploadState.OPEN and upload.expires_at <= self._clock.now()
        if expired or upload.state is UploadState.ENDING:
            raise UploadExpired(upload_id=upload_id)
        return upload

    @contextlib.asynccontextmanager
    async def _turn(self, owner: str, upload_id: str) -> AsyncIterator[_Turn]:
        """One request of the owner at a time; the one that has the turn is told to end."""
        turn = self._turns.setdefault((owner, upload_id), _Turn())
        turn.wanted += 1
        try:
            if turn.body is not None:
                turn.body.interrupt(UploadTakenOver())
            try:
                async with asyncio.timeout(TAKE_OVER_WITHIN):
                    await turn.lock.acquire()
            except TimeoutError as error:
                raise UploadBusy from error
            try:
                yield turn
            finally:
                turn.body = None
                turn.lock.release()
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[owner, upload_id]
