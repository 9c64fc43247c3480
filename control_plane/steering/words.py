"""What a player says as it asks where to go on: its pathway and its throughput (rfc8216bis §7.3),
and how full its buffer is (CTA-5004)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.http.cmcd import FIELDS, Cmcd, parse

PATHWAY: Final = "_HLS_pathway"
THROUGHPUT: Final = "_HLS_throughput"
CMCD: Final = "CMCD"
"""Names of parameters."""
MOST_BITS: Final = 1e12
"""Bits per second; what is more is not believed."""
SHORT: Final = 4.0
"""Seconds; a buffer with less may run dry before the next answer."""

_PATHWAY = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_DIGITS = re.compile(r"[0-9]{1,15}\Z")


@dataclass(frozen=True, slots=True)
class Words:
    """What a player says of itself; it may be wrong, or made up."""

    pathway: str = ""
    """Which it plays from; empty when it does not say."""
    throughput: float | None = None
    """Bits per second."""
    buffer: float | None = None
    """Seconds that it has still to play."""
    starved: bool = False
    """Whether its buffer was empty since it last spoke."""

    @property
    def starving(self) -> bool:
        """Whether it has run dry, or soon may."""
        return self.starved or (self.buffer is not None and self.buffer < SHORT)

    @classmethod
    def heard(cls, query: Mapping[str, str], fields: Mapping[str, str]) -> "Words":
        """What of it makes sense.

        Args:
            query: the parameters of its request.
            fields: the fields of its request, by names that are looked up as ``CMCD-Object``.
        """
        told = _cmcd(query, fields)
        pathway = query.get(PATHWAY, "").strip('"')
        bits = _bits(query.get(THROUGHPUT, "")) or 1000 * told.get("mtp", 0)
        # A buffer that is only just being filled says nothing.
        milliseconds = None if told.get("su") else told.get("bl")
        return cls(
            pathway=pathway if _PATHWAY.match(pathway) else "",
            throughput=float(bits) or None,
            buffer=None if milliseconds is None else milliseconds / 1000,
            starved=told.get("bs", False),
        )


def _cmcd(query: Mapping[str, str], fields: Mapping[str, str]) -> Cmcd:
    """In the query or in fields (CTA-5004 §2)."""
    if CMCD in query:
        return parse(query[CMCD])
    lines = [fields[name] for name in FIELDS if name in fields]
    return parse(",".join(lines)) if lines else {}


def _bits(text: str) -> int:
    """Bits per second; 0 for what is none."""
    return int(text) if _DIGITS.match(text) and int(text) <= MOST_BITS else 0
