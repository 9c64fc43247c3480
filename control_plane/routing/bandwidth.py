"""What a client's network carries, and whether it asks to save data. Pure.

The player's own measurement counts most (CTA-5004 ``mtp``), then what its browser knows (Downlink
and ECT of the Network Information API), then what others in its network have told edges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.http import cmcd
from control_plane.routing.asked import number
from control_plane.routing.estimates import Estimate

CLASSES: Final = {"slow-2g": 50_000.0, "2g": 70_000.0, "3g": 700_000.0}
"""Bits per second of the effective connection types that are slow (Network Information API)."""
LEAST_WEIGHT: Final = 3.0
"""How many words an estimate of a network has to rest on to count."""
LIKELY: Final = 0.5
"""The part of a network's estimate that one of its clients is taken to have at least."""
SLOWEST_ANSWER: Final = 2000.0
"""Milliseconds there and back, from which a network is taken for one that carries little."""


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """What a network carries."""

    rate: float | None = None
    """Bits per second; None when nobody knows."""
    source: str = ""
    """Who says so, for people."""
    save_data: bool = False
    """Whether the client asks for less than it could have."""
    asked: float | None = None
    """Bits per second above which more is of no use to the player (``rtp``); None for no word."""
    starting: bool = False
    """Whether the player waits with an empty buffer (``su``)."""


UNKNOWN_BANDWIDTH: Final = Bandwidth()


def bandwidth(
    fields: Mapping[str, str], query: Mapping[str, str], estimate: Estimate | None
) -> Bandwidth:
    """What a client's network carries.

    Args:
        fields: the request's, by names in lower case.
        query: the request's parameters.
        estimate: of its network; None when nobody has told.
    """
    told = _cmcd(fields, query)
    rate, source = _rate(told, fields, estimate)
    asked = told.get("rtp")
    return Bandwidth(
        rate=rate,
        source=source,
        save_data=fields.get("save-data", "").strip().lower() == "on",
        asked=1000.0 * asked if asked else None,
        starting=told.get("su", False),
    )


def _cmcd(fields: Mapping[str, str], query: Mapping[str, str]) -> cmcd.Cmcd:
    text = query.get("CMCD") or ",".join(
        value for name in cmcd.FIELDS if (value := fields.get(name.lower()))
    )
    return cmcd.parse(text) if text else {}


def _rate(
    told: cmcd.Cmcd, fields: Mapping[str, str], estimate: Estimate | None
) -> tuple[float | None, str]:
    measured = told.get("mtp")
    if measured:
        return 1000.0 * measured, "the player has measured it"
    slow = CLASSES.get(fields.get("ect", "").strip('" ').lower())
    downlink = number(fields.get("downlink"), most=10_000)
    hints = [
        (rate, source)
        for rate, source in (
            (slow, "its browser calls the connection slow"),
            (1e6 * downlink if downlink is not None else None, "its browser says so"),
            (_by_delay(fields), "its browser waits long for answers"),
        )
        if rate is not None
    ]
    if hints:
        return min(hints)
    if estimate is not None and estimate.weight >= LEAST_WEIGHT:
        return LIKELY * estimate.throughput, "half of what players in its network measure"
    return None, ""


def _by_delay(fields: Mapping[str, str]) -> float | None:
    delay = number(fields.get("rtt"), most=600_000)
    return CLASSES["slow-2g"] if delay is not None and delay >= SLOWEST_ANSWER else None
