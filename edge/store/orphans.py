"""Files that no record names, as a crash leaves them."""

import asyncio
import contextlib
import os
from pathlib import Path

from common import logs
from edge.store.index import Index

_log = logs.get(__name__)


async def remove_orphans(objects: Path, index: Index, *, below: int) -> int:
    """Deletes the files in ``objects`` that ``index`` does not know; how many they were.

    Args:
        objects: the objects' folder.
        index: which objects there are.
        below: the first number of this run. What it stores may be between its file and its record.
    """
    removed = 0
    for fan in await asyncio.to_thread(lambda: sorted(objects.iterdir())):
        removed += await asyncio.to_thread(_remove_in, fan, index, below)
    if removed:
        _log.info("cache put in order", files_dropped=removed)
    return removed


def _remove_in(fan: Path, index: Index, below: int) -> int:
    numbers = []
    for name in os.listdir(fan):
        with contextlib.suppress(ValueError):
            numbers.append(int(name, 16))
    old = [number for number in numbers if number < below]
    known = index.knows(old)
    orphans = [number for number, there in zip(old, known, strict=True) if not there]
    for number in orphans:
        with contextlib.suppress(OSError):
            (fan / f"{number:x}").unlink()
    return len(orphans)
