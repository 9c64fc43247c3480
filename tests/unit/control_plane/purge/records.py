"""Purges that the control plane's tests are about."""

from typing import Any

from common.messages import PurgeScope
from control_plane.purge import PurgeRecord


def purge(sequence: int, **changes: Any) -> PurgeRecord:
    """The purge with that number."""
    given: dict[str, Any] = {
        "purge_id": f"p{sequence}",
        "scope": PurgeScope.PREFIX,
        "value": "v/a/1/",
        "soft": False,
        "by": "ops",
        "at": 1000.0,
        "sequence": sequence,
    }
    return PurgeRecord(**{**given, **changes})


def purges(first: int, last: int) -> list[PurgeRecord]:
    """Those with the numbers from ``first`` to ``last``."""
    return [purge(number) for number in range(first, last + 1)]
