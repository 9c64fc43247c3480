"""The port of hints: what every adapter promises.

The truth is in the database, which every control plane reads each second. A hint only saves that
wait: any of them may be lost, come late, twice or in another order.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final, Protocol

import msgspec

HINT_AT_MOST: Final = 64 * 1024
"""Bytes of a hint's body."""


class HintKind(StrEnum):
    """What a hint is about."""

    PACKAGES = "packages"
    """Packages, rollbacks and removals."""
    PURGES = "purges"
    PLACEMENTS = "placements"
    STANDING = "standing"
    ZONES = "zones"
    POLICIES = "policies"
    PRESENCE = "presence"
    """What the body tells, see ``control_plane.presence``."""
    NETWORKS = "networks"
    """What the body tells, see ``control_plane.networks``; it is in no database."""


class Hint(msgspec.Struct, frozen=True, array_like=True):
    """Word to the other control planes to look now."""

    kind: HintKind
    body: Annotated[bytes, msgspec.Meta(max_length=HINT_AT_MOST)] = b""


class Bus(Protocol):
    """Carries hints from each control plane to all others."""

    @property
    def trouble(self) -> str | None:
        """Why hints do not come, for people; None while they do."""
        ...

    def publish(self, hint: Hint) -> None:
        """Tells all others; returns at once and never raises. Of the same hint that many times
        waits to be sent, one is; when too many wait, the oldest is dropped."""
        ...

    def subscribe(self, handler: Callable[[Hint], None]) -> None:
        """Has ``handler`` take the others' hints, never one's own, in the event loop. It must be
        quick; what it raises is logged."""
        ...

    async def close(self) -> None:
        """Lets go of connections; hints that wait are lost."""
        ...
