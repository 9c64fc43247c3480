"""What the options of several filters have in common."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

ListFile = Annotated[
    Path,
    Meta(
        description="The block list: a line for each hash, 64 hexadecimal digits and perhaps a "
        "label. Read anew for each video.",
        extra={"example": "/etc/nearcast/known.txt"},
    ),
]


def require_absolute(path: Path) -> None:
    """Refuse a path whose meaning would depend on where the service was started.

    Raises:
        ValueError: ``path`` is relative.
    """
    if not path.is_absolute():
        raise ValueError(f"expected an absolute path and not {str(path)!r}")
