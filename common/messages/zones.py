"""Coverage zones: networks whose clients are served by certain regions, as an operator says."""

from typing import Annotated, Final

import msgspec

from common.messages.packages import Identifier

MOST_ZONES: Final = 1000
MOST_ZONE_REGIONS: Final = 32

Cidr = Annotated[str, msgspec.Meta(max_length=64)]
"""A network in CIDR notation; which it is, the control plane checks."""


class CoverageZone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Networks, and the regions that serve them."""

    name: Identifier
    networks: tuple[Cidr, ...]
    """IPv4 and IPv6. An address is in the zone that has the longest prefix around it."""
    regions: Annotated[
        tuple[Identifier, ...], msgspec.Meta(min_length=1, max_length=MOST_ZONE_REGIONS)
    ]
    """The best first; the others come after them."""


class CoverageZones(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: all zones that there are from now on."""

    zones: Annotated[tuple[CoverageZone, ...], msgspec.Meta(max_length=MOST_ZONES)] = ()


class CoverageView(msgspec.Struct, frozen=True):
    """The zones that there are, and who said so when."""

    zones: tuple[CoverageZone, ...] = ()
    by: str = ""
    """The operator's credential; empty when nobody said anything yet."""
    at: float = 0.0
