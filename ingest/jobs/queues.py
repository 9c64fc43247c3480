"""Which tasks a worker takes: queues by what the work is like, shelves in them by memory. Pure.

Dramatiq carries word by queue. The database has the tasks of a queue on shelves, one for each size
of memory, so that a worker finds what fits it without looking at what does not.
"""

from collections.abc import Iterable
from typing import Final

LIGHT: Final = "light"
"""Inspecting, pictures, packaging, publishing, cleaning, webhooks: little work each."""
FILTER: Final = "filter"
AUDIO: Final = "audio"
ENCODE: Final = "encode"
"""Of video; a queue for each codec."""

KINDS: Final = (LIGHT, FILTER, AUDIO, ENCODE)
CODECS: Final = ("h264", "hevc", "av1")

MEMORY_CLASSES: Final = (1, 2, 4, 8, 16, 32)
"""GiB."""

GIB: Final = 1 << 30


def encode_queue(codec: str) -> str:
    """The queue of encodes to ``codec``."""
    return f"{ENCODE}.{codec}"


def queues_of(kinds: Iterable[str], codecs: Iterable[str]) -> tuple[str, ...]:
    """The queues of a worker that takes ``kinds``, and of encodes those to ``codecs``."""
    encodes = tuple(encode_queue(codec) for codec in codecs)
    return tuple(queue for kind in kinds for queue in (encodes if kind == ENCODE else (kind,)))


def memory_class(bytes_needed: float) -> int:
    """GiB of the smallest class that holds ``bytes_needed``; the largest holds all else."""
    fitting = (size for size in MEMORY_CLASSES if bytes_needed <= size * GIB)
    return next(fitting, MEMORY_CLASSES[-1])


def shelf(queue: str, memory: int) -> str:
    """Where tasks of ``queue`` that need ``memory`` GiB wait."""
    return f"{queue}/{memory}"


def shelves_of(queues: Iterable[str], free: float) -> tuple[str, ...]:
    """The shelves from which a worker with ``free`` GiB may take."""
    fitting = [size for size in MEMORY_CLASSES if size <= free]
    return tuple(shelf(queue, size) for queue in queues for size in fitting)
