"""Where uploads that come in several requests are kept: one port, SQLite and MongoDB behind it."""

from ingest.upload.store.opening import open_upload_store
from ingest.upload.store.port import UploadStore

__all__ = ["UploadStore", "open_upload_store"]
