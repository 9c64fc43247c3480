"""Uploads to begin with, for tests."""

import msgspec

from ingest.upload.record import Upload, UploadKind, UploadState

NOW = 1_000_000.0
LIFETIME = 3600.0


def an_upload(upload_id: str = "upload1", **changes: object) -> Upload:
    upload = Upload(
        upload_id=upload_id,
        owner="creator",
        kind=UploadKind.WHOLE,
        state=UploadState.OPEN,
        length=10,
        asset_id="asset1",
        version="version1",
        title="A title",
        filename="a.mp4",
        profile=None,
        content_type="video/mp4",
        metadata="filename YS5tcDQ=",
        created_at=NOW,
        expires_at=NOW + LIFETIME,
        due_at=NOW + LIFETIME,
    )
    return msgspec.structs.replace(upload, **changes)
