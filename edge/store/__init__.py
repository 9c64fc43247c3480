"""What an edge holds: files on disk, an index in LMDB, and the hottest objects in memory."""

from edge.store.cache import Cache
from edge.store.draft import Draft
from edge.store.entry import Entry

__all__ = ["Cache", "Draft", "Entry"]
