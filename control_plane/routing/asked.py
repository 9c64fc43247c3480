"""What of a request counts, and how much of it. Pure.

All of it is a stranger's word: each field is cut where no honest one is longer, and what means
nothing is as if it were not there.
"""

import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from common.http import cmcd

FIELDS: Final = {
    "user-agent": 512,
    "accept": 256,
    "save-data": 16,
    "downlink": 16,
    "ect": 16,
    "rtt": 16,
    "sec-ch-ua-mobile": 8,
    "sec-ch-ua-platform": 32,
    "sec-ch-ua-form-factors": 64,
    "sec-ch-viewport-width": 16,
    "sec-ch-viewport-height": 16,
    "sec-ch-dpr": 16,
    "cmcd-object": 512,
    "cmcd-request": 512,
    "cmcd-session": 512,
    "cmcd-status": 512,
}
"""The fields that count, and how many of their characters."""
HINTS: Final = (
    "Downlink",
    "ECT",
    "RTT",
    "Save-Data",
    "Sec-CH-UA-Mobile",
    "Sec-CH-UA-Platform",
    "Sec-CH-UA-Form-Factors",
    "Sec-CH-Viewport-Width",
    "Sec-CH-Viewport-Height",
    "Sec-CH-DPR",
)
"""Fields that browsers send where they are asked to (RFC 8942)."""
VARIES_BY: Final = ", ".join(("User-Agent", "Accept", *HINTS, *cmcd.FIELDS))
"""The fields on which an answer depends."""
PARAMETERS: Final = {"profile": 32, "max_height": 8, "codecs": 256, "CMCD": 2048, "session": 65}
"""The parameters of the query that count, and how many of their characters."""

MOST_PARAMETERS: Final = 32

_NUMBER: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")


def bounded(given: Mapping[str, str], bounds: Mapping[str, int]) -> dict[str, str]:
    """Of what is ``given`` that which counts, cut to what of it counts."""
    return {name: text[:longest] for name, longest in bounds.items() if (text := given.get(name))}


def parameters(query: str) -> dict[str, str]:
    """The parameters that count of a raw query; of one that is given twice, the first.

    Only the first ``MOST_PARAMETERS`` are looked at, as a query of 8 kB can have thousands.
    """
    found: dict[str, str] = {}
    for part in query.split("&", MOST_PARAMETERS)[:MOST_PARAMETERS]:
        name, _, value = part.partition("=")
        longest = PARAMETERS.get(name)
        if longest is not None and name not in found:
            found[name] = unquote(value[: 3 * longest])[:longest]
    return found


def number(text: str | None, *, most: float) -> float | None:
    """A number above 0 and up to ``most``; None for anything else."""
    if text is None or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) and 0 < value <= most else None
