"""Names that are told apart, for machines and for people."""

from typing import Final

LONGEST: Final = 100
"""Characters of a label."""


def unique(name: str, taken: set[str], joint: str) -> str:
    """``name``, with a number after ``joint`` where it is ``taken``; from then on it is taken."""
    found, number = name, 2
    while found in taken:
        found = f"{name}{joint}{number}"
        number += 1
    taken.add(found)
    return found


def label(title: str | None) -> str:
    """``title`` as people may see it; empty where it says nothing.

    Without quotation marks, which no attribute of a playlist can have (rfc8216bis §4.2).
    """
    return (title or "").replace('"', "'").strip()[:LONGEST]
