"""Cache-Control: its directives, read so that doubt never makes a response fresher (RFC 9111 §5.2).

A directive that is there with a value that breaks its grammar counts as there: seconds that are no
number are 0, so that the response is stale (§4.2.1).
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

LONGEST_FIELD: Final = 16384
"""Characters, over all lines; a longer field is read as ``no-store``."""

LONGEST_REMEMBERED: Final = 256
"""Characters of a field that is read but once, however often it comes."""

LONGEST_DELTA: Final = 2**31
"""Seconds; larger numbers are read as this one (§1.2.2)."""

_DIRECTIVE: Final = re.compile(
    r"""[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=("(?:[^"\\]|\\.)*"|[^,"]*))?([^,]*)(?:,|\Z)"""
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class CacheControl:
    """The directives of a Cache-Control field (or one of its targeted kin, RFC 9213)."""

    directives: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    """Lower-case name to the values of each of its occurrences; None where it has no value."""

    def __contains__(self, name: str) -> bool:
        return name in self.directives

    def seconds(self, name: str) -> int | None:
        """The delta-seconds of directive ``name``: 0 when they break the grammar, None if absent.

        Of several occurrences the first counts (§4.2.1).
        """
        values = self.directives.get(name)
        if values is None:
            return None
        return parse_delta_seconds(values[0] or "") or 0

    def field_names(self, name: str) -> frozenset[str] | None:
        """The lower-case field names to which directive ``name`` is limited (§5.2.2.4, §5.2.2.7).

        Returns:
            None when the directive is absent; empty when it is not limited, or not in each
            occurrence, and so holds for the whole response.
        """
        values = self.directives.get(name)
        if values is None:
            return None
        limits = [_names_in(value or "") for value in values]
        return frozenset[str]().union(*limits) if all(limits) else frozenset()


def parse_delta_seconds(text: str) -> int | None:
    """The seconds, LONGEST_DELTA at most (§1.2.2); None when ``text`` is no delta-seconds."""
    if not (text.isascii() and text.isdigit()):
        return None
    significant = text.lstrip("0")
    return min(int(significant or "0"), LONGEST_DELTA) if len(significant) < 20 else LONGEST_DELTA


def parse_cache_control(lines: Iterable[str]) -> CacheControl:
    """The directives in ``lines``, the values of all fields of that name in their order."""
    text = ",".join(lines)
    if len(text) > LONGEST_FIELD:
        return CacheControl({"no-store": (None,)})
    return _remembered(text) if len(text) <= LONGEST_REMEMBERED else _parse(text)


def _parse(text: str) -> CacheControl:
    found: dict[str, list[str | None]] = {}
    position = 0
    while position < len(text):
        match = _DIRECTIVE.match(text, position)
        if match is None:
            comma = text.find(",", position)
            position = len(text) if comma < 0 else comma + 1
            continue
        name = match[1].lower()
        found.setdefault(name, []).append(_value(match[2], match[3]))
        position = match.end()
    return CacheControl({name: tuple(values) for name, values in found.items()})


_remembered = functools.lru_cache(1024)(_parse)
"""Origins say the same few things about all that they have."""


def _value(argument: str | None, rest: str) -> str | None:
    """The argument, unquoted; what follows it that is not whitespace spoils it."""
    if rest.strip(" \t"):
        return f"{argument or ''}{rest}"
    if argument is None:
        return None
    if argument.startswith('"'):
        return _QUOTED_PAIR.sub(r"\1", argument[1:-1])
    return argument.rstrip(" \t")


def _names_in(value: str) -> frozenset[str]:
    return frozenset(name for part in value.split(",") if (name := part.strip(" \t").lower()))
