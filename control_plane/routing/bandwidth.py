"""What a client's network carries, and whether it asks to save data. Pure.

The player's own measurement counts most (CTA-5004 ``mtp``), then what its browser knows (Downlink
and ECT of the Network Information API), then what others in its network have told edges.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from common.http import cmcd
from control_plane.routing.asked import number
from control_plane.routing.estimates import Estimate

CLASSES: Final = {"slow-2g": 50_000.0, "2g": 70_000.0, "3g": 700_000.0}
"""Bits per second of the effective connection types that are slow (Network Information API)."""
LEAST_WEIGHT: Final = 3.0
"""How many words an estimate of a network has to rest on to count."""
SLOWEST_ANSWER: Final = 2000.0
"""Milliseconds there and back, from which a network is taken for one that carries little."""


HINTS: Final = ("ect", "downlink", "rtt", "save-data")
REMEMBERED: Final = 4096
"""What browsers told that is remembered; they round, so that few are different."""
_TOLD_IN: Final = tuple(name.lower() for name in cmcd.FIELDS)


class Bandwidth(NamedTuple):
    """What a network carries."""

    rate: float | None = None
    """Bits per second; None when nobody knows."""
    source: str = ""
    """Who says so, for people."""
    own: bool = True
    """Whether the client says so itself, and not others in its network."""
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
    hinted = _hinted(*map(fields.get, HINTS))
    told = _cmcd(fields, query)
    if told:
        measured, asked = told.get("mtp"), told.get("rtp")
        hinted = hinted._replace(
            asked=1000.0 * asked if asked else None, starting=told.get("su", False)
        )
        if measured:
            return hinted._replace(rate=1000.0 * measured, source="the player has measured it")
    if hinted.rate is None and estimate is not None and estimate.weight >= LEAST_WEIGHT:
        source = "others in its network have measured it"
        return hinted._replace(rate=estimate.throughput, source=source, own=False)
    return hinted


def _cmcd(fields: Mapping[str, str], query: Mapping[str, str]) -> cmcd.Cmcd:
    text = query.get("CMCD", "") if query else ""
    if not text and not fields.keys().isdisjoint(_TOLD_IN):
        text = ",".join(value for name in _TOLD_IN if (value := fields.get(name)))
    return cmcd.parse(text) if text else {}


@lru_cache(REMEMBERED)
def _hinted(
    ect: str | None, downlink: str | None, rtt: str | None, save_data: str | None
) -> Bandwidth:
    """What a browser tells; the lowest figure of several."""
    megabits, delay = number(downlink, most=10_000), number(rtt, most=600_000)
    hints = [
        (rate, source)
        for rate, source in (
            (
                CLASSES.get((ect or "").strip('" ').lower()),
                "its browser calls the connection slow",
            ),
            (1e6 * megabits if megabits is not None else None, "its browser says so"),
            (
                CLASSES["3g"] if delay is not None and delay >= SLOWEST_ANSWER else None,
                "its browser waits long for answers",
            ),
        )
        if rate is not None
    ]
    rate, source = min(hints, default=(None, ""))
    saves = (save_data or "").strip().lower() == "on"
    return Bandwidth(rate=rate, source=source, save_data=saves)
