"""What the confined process allows itself: less than its limits where a file deserves no more."""

import contextlib
import resource
from collections.abc import Iterator
from typing import Final

HEADER_MEMORY: Final = 768 << 20
"""Bytes of address space until the headers are judged. Without a file it is about 230 MiB; the
index of a film of ten hours takes a fifth of the rest."""

LEAST_SECONDS: Final = 10
BYTES_PER_SECOND: Final = 10_000_000
"""Bytes that a second of processor time must be enough for; honest files need a fiftieth of it."""


@contextlib.contextmanager
def for_headers() -> Iterator[None]:
    """Little memory while the block runs: tables of billions of entries are refused at their start.

    Raises:
        MemoryError: and FFmpeg's own, where the block needs more.
    """
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    _soften(resource.RLIMIT_AS, HEADER_MEMORY)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


def for_size(count: int) -> None:
    """As much processor time as a file of ``count`` bytes may take at most."""
    _soften(resource.RLIMIT_CPU, LEAST_SECONDS + count // BYTES_PER_SECOND)


def _soften(kind: int, value: int) -> None:
    soft, hard = resource.getrlimit(kind)
    bound = value if soft == resource.RLIM_INFINITY else min(value, soft)
    resource.setrlimit(kind, (bound, hard))
