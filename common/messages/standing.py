"""What operators order of an edge: to serve, to let its viewers go, or to be left alone."""

from enum import StrEnum
from typing import Annotated

import msgspec


class EdgeStanding(StrEnum):
    """What an operator has ordered of an edge."""

    IN_SERVICE = "in-service"
    """It serves as well as it can."""
    DRAINING = "draining"
    """It gets no new viewers; those that it has stay."""
    MAINTENANCE = "maintenance"
    """It gets no new viewers, nobody is alarmed when it is silent, and what is placed on it stays
    so."""


class StandingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Operator to control plane: what is ordered of an edge from now on."""

    standing: EdgeStanding
    reason: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """For people."""


class StandingView(msgspec.Struct, frozen=True):
    """What was last ordered of an edge."""

    edge_id: str
    standing: EdgeStanding
    by: str
    """The operator's credential."""
    at: float
    reason: str
