"""What an edge holds: files on disk, an index in LMDB, and the hottest objects in memory."""

from edge.store.body import Body
from edge.store.cache import Cache
from edge.store.desired import DesiredRow
from edge.store.files import SLICE, ObjectDamaged
from edge.store.memory import Resident

__all__ = ["SLICE", "Body", "Cache", "DesiredRow", "ObjectDamaged", "Resident"]
