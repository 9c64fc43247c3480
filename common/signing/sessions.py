"""Which session a request tells: ``sid`` in CMCD (CTA-5004 §3.2), as query or as field."""

import re

SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A session that can be bound to; CTA-5004 recommends a UUID."""
_SID = re.compile(
    # Begins with what is looked for: that is found fastest.
    r"sid(?:(?<=^sid)|(?<=,sid)|(?<=, sid)|(?<=%2[Cc]sid))(?:=|%3[Dd])"
    rf"""(?:"|%22)({SESSION.pattern})(?:"|%22)[ ]*(?=,|%2[Cc]|$)"""
)
"""The member of CMCD, in a field or encoded in a query as players do it."""


def session_told(query: str, field: str) -> str:
    """The session that a request tells; empty for none.

    Args:
        query: of its URL, as it came. Where its CMCD tells a session, the field does not count.
        field: the value of its CMCD-Session field; empty where it has none.
    """
    if "CMCD=" in query:
        for parameter in query.split("&"):
            name, _, value = parameter.partition("=")
            if name == "CMCD":
                told = _SID.search(value)
                if told is not None:
                    return told[1]
                break
    told = _SID.search(field) if field else None
    return told[1] if told is not None else ""
