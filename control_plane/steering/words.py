"""What a player says as it asks where to go on: its pathway and its throughput (rfc8216bis §7.3),
and how full its buffer is (CTA-5004)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PATHWAY: Final = "_HLS_pathway"
THROUGHPUT: Final = "_HLS_throughput"
"""Names of parameters."""
CMCD: Final = "CMCD"
"""The parameter, and how the names of the fields begin."""
LONGEST: Final = 2000
"""Characters of CMCD that are looked at."""
MOST_BITS: Final = 1e12
"""Bits per second; what is more is not believed."""
SHORT: Final = 4.0
"""Seconds; a buffer with less may run dry before the next answer."""
LONGEST_BUFFER: Final = 3_600_000
"""Milliseconds; likewise."""

_PATHWAY = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_TRUE = {"", "true"}
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
        bits = _number(query.get(THROUGHPUT, ""), MOST_BITS)
        if bits is None and (kilobits := _number(told.get("mtp", ""), MOST_BITS / 1000)):
            bits = 1000 * kilobits
        # A buffer that is only just being filled says nothing.
        begins = told.get("su", "false") in _TRUE
        milliseconds = None if begins else _number(told.get("bl", ""), LONGEST_BUFFER)
        return cls(
            pathway=pathway if _PATHWAY.match(pathway) else "",
            throughput=bits or None,
            buffer=None if milliseconds is None else milliseconds / 1000,
            starved=told.get("bs", "false") in _TRUE,
        )


def _cmcd(query: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """Keys and values; a key alone has an empty one, which means that it is true."""
    texts = [query.get(CMCD, "")]
    texts += (fields.get(f"{CMCD}-{name}", "") for name in ("Object", "Request", "Status"))
    found: dict[str, str] = {}
    for part in ",".join(texts)[:LONGEST].split(","):
        key, _, value = part.strip(" \t").partition("=")
        found.setdefault(key, value)
    return found


def _number(text: str, largest: float) -> float | None:
    """What ``text`` says; None for what is no number from 0 to ``largest``."""
    if not _DIGITS.match(text) or (number := int(text)) > largest:
        return None
    return float(number)
