"""The record of an upload that comes in several requests, and how it changes. Pure.

A file lies in the store in pieces, immutable objects one after another; the record says which of
them count. It changes only by compare-and-set on its ``revision``, so of two who write the same
bytes one wins, and a piece that no record names is nothing. ``due_at`` is when the sweep must look
at a record although nobody asked for it. Times are POSIX seconds, sizes are bytes.
"""

from enum import StrEnum

import msgspec

from ingest.jobs.identifiers import RANDOM_BYTES, make_identifier
from ingest.jobs.model import Job, Source, new_job
from ingest.upload.request import UploadRequest

PREFIX = "uploads/"
"""Where uploaded files lie in the object store."""

MOST_PIECES = 10_000
"""Of one file. A piece has 256 KiB at least unless a client sends less in one request."""

RANDOM_OF_UPLOAD = 3 * RANDOM_BYTES
"""Random bytes that the names of an upload take."""

FINISH_AGAIN_AFTER = 30.0
"""Seconds after which the sweep makes the job of an upload that is whole, if nobody did."""


class UploadKind(StrEnum):
    """What an upload becomes."""

    WHOLE = "whole"
    """A file."""
    PARTIAL = "partial"
    """Part of a file, for a final upload to join."""
    FINAL = "final"
    """A file, made of partial uploads."""
    DIRECT = "direct"
    """A file that its client sends to the S3 server itself."""


class UploadState(StrEnum):
    """Where an upload stands."""

    OPEN = "open"
    """Bytes may come."""
    RECEIVED = "received"
    """All bytes are safe. A partial upload waits to be joined; of others the job must be made."""
    DONE = "done"
    """The job is made: the bytes are its own now."""
    TAKEN = "taken"
    """The bytes of a partial upload are those of a final one."""
    ENDING = "ending"
    """It was terminated or has expired, and is being deleted."""


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """An object that is part of a file."""

    key: str
    size: int


class Upload(msgspec.Struct, frozen=True):
    """One upload."""

    upload_id: str
    """The job's id too."""
    owner: str
    """The name of the credential that began it; to others it does not exist."""
    kind: UploadKind
    state: UploadState
    length: int
    asset_id: str
    version: str
    title: str
    filename: str | None
    profile: str | None
    content_type: str
    created_at: float
    expires_at: float
    due_at: float
    metadata: str | None = None
    """Upload-Metadata as it came."""
    offset: int = 0
    """Bytes that are safe."""
    pieces: tuple[Piece, ...] = ()
    sha256: str | None = None
    """Of all bytes, where they came in one piece."""
    parts: tuple[str, ...] = ()
    """The partial uploads that a final one joins, in their order."""
    taken_by: str | None = None
    """The final upload that has the bytes of this partial one."""
    multipart_id: str | None = None
    """What the S3 server calls a direct upload."""
    revision: int = 0


def source_prefix(upload_id: str) -> str:
    """The prefix of all that an upload keeps in the object store."""
    return f"{PREFIX}{upload_id}/"


def prefix_of(key: str) -> str:
    """The prefix of all that the upload of which ``key`` is a part keeps there."""
    return source_prefix(key.removeprefix(PREFIX).partition("/")[0])


def source_key(upload_id: str) -> str:
    """The key of a file that came as one object."""
    return f"{source_prefix(upload_id)}source"


def piece_key(upload_id: str, offset: int, random: str) -> str:
    """The key of a piece that begins at ``offset``; the writer of another has another."""
    return f"{source_prefix(upload_id)}{offset:016d}-{random}"


def begun(
    wanted: UploadRequest,
    owner: str,
    length: int,
    *,
    kind: UploadKind,
    now: float,
    lifetime: float,
    random: bytes,
    metadata: str | None = None,
    parts: tuple[str, ...] = (),
) -> Upload:
    """The record of a new upload, whose names are made of ``random``."""
    upload_id, asset_id, version = (
        make_identifier(now, random[start : start + RANDOM_BYTES])
        for start in range(0, RANDOM_OF_UPLOAD, RANDOM_BYTES)
    )
    return Upload(
        upload_id=upload_id,
        owner=owner,
        kind=kind,
        state=UploadState.OPEN,
        length=length,
        asset_id=asset_id,
        version=version,
        title=wanted.title,
        filename=wanted.filename,
        profile=wanted.profile,
        content_type=wanted.content_type,
        metadata=metadata,
        parts=parts,
        created_at=now,
        expires_at=now + lifetime,
        due_at=now + lifetime,
    )


def sent_directly(upload: Upload, multipart_id: str) -> Upload:
    """The record of a new direct upload that the S3 server calls ``multipart_id``."""
    return msgspec.structs.replace(upload, multipart_id=multipart_id)


def extended(
    upload: Upload, pieces: tuple[Piece, ...], *, sha256: str | None, now: float, lifetime: float
) -> Upload:
    """The record once ``pieces`` are safe too.

    Args:
        upload: the record before.
        pieces: what is added.
        sha256: the digest of the piece, if it is one.
        now: the time.
        lifetime: how long the next byte may take to come.
    """
    every = upload.pieces + pieces
    offset = upload.offset + sum(piece.size for piece in pieces)
    whole = offset == upload.length
    unfinished = whole and upload.kind is not UploadKind.PARTIAL
    return msgspec.structs.replace(
        upload,
        pieces=every,
        offset=offset,
        state=UploadState.RECEIVED if whole else UploadState.OPEN,
        sha256=sha256 if len(every) == 1 else None,
        expires_at=now + lifetime,
        due_at=now + FINISH_AGAIN_AFTER if unfinished else now + lifetime,
        revision=upload.revision + 1,
    )


def done(upload: Upload, *, now: float, lifetime: float) -> Upload:
    """The record once the job is made; kept for a while for clients that ask again."""
    return msgspec.structs.replace(
        upload,
        state=UploadState.DONE,
        expires_at=now + lifetime,
        due_at=now + lifetime,
        revision=upload.revision + 1,
    )


def taken(partial: Upload, final_id: str, *, now: float, lifetime: float) -> Upload:
    """The record of a partial upload once its bytes are those of the upload ``final_id``."""
    return msgspec.structs.replace(
        partial,
        state=UploadState.TAKEN,
        taken_by=final_id,
        due_at=now + lifetime,
        revision=partial.revision + 1,
    )


def postponed(upload: Upload, due_at: float) -> Upload:
    """The record that the sweep looks at again at ``due_at``."""
    return msgspec.structs.replace(upload, due_at=due_at, revision=upload.revision + 1)


def ending(upload: Upload, *, now: float) -> Upload:
    """The record while all that the upload kept is being deleted; nobody adds to it any more."""
    return msgspec.structs.replace(
        upload, state=UploadState.ENDING, due_at=now, revision=upload.revision + 1
    )


def job_of(upload: Upload, *, now: float) -> Job:
    """The job of an upload whose bytes are all safe."""
    return new_job(
        job_id=upload.upload_id,
        asset_id=upload.asset_id,
        version=upload.version,
        owner=upload.owner,
        profile=upload.profile,
        title=upload.title,
        source=Source(
            tuple(piece.key for piece in upload.pieces),
            upload.length,
            upload.sha256,
            upload.filename,
        ),
        now=now,
    )
