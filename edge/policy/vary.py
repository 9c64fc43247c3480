"""Which stored response suits a request: Vary and its selecting fields (RFC 9111 §4.1)."""

import re

from common.http.fields import Fields, split_list

MOST_SELECTING = 16
"""Fields that Vary may name; a response that names more is not stored."""

Selecting = tuple[tuple[str, str | None], ...]
"""Lower-case names of selecting fields with their normalised values; None for an absent field."""

_UNORDERED = frozenset({"accept", "accept-charset", "accept-encoding", "accept-language"})
"""Lists whose members' order means nothing, as weights tell the preference (RFC 9110 §12.5)."""
_CASELESS = frozenset({"accept-charset", "accept-encoding", "accept-language"})
_WEIGHT = re.compile(r"[ \t]*;[ \t]*[qQ]=([01](?:\.[0-9]{0,3})?)$", re.ASCII)


def selecting_names(response: Fields) -> tuple[str, ...] | None:
    """The lower-case names in Vary, in order; None when it says ``*`` or names too many."""
    if "vary" not in response:
        return ()
    names = {name.lower() for line in response.lines("vary") for name in split_list(line)}
    return None if "*" in names or len(names) > MOST_SELECTING else tuple(sorted(names))


def selecting_fields(names: tuple[str, ...], request: Fields) -> Selecting:
    """What ``request`` says in the fields ``names``, normalised."""
    return tuple(
        (name, normalised(name, request.lines(name)) if name in request else None) for name in names
    )


def matches(selecting: Selecting, request: Fields) -> bool:
    """Whether ``request`` selects the response that was stored for ``selecting``."""
    return all(
        value == (normalised(name, request.lines(name)) if name in request else None)
        for name, value in selecting
    )


def normalised(name: str, lines: list[str]) -> str:
    """The value of the lines of field ``name`` in a form that equal meanings share.

    Lines are combined, whitespace around commas goes; where the order of members means nothing they
    are sorted by weight, where their case means nothing they are lower case.
    """
    members = [member for line in lines for member in split_list(line)]
    if name in _CASELESS:
        members = [member.lower() for member in members]
    if name in _UNORDERED:
        members = [text for _, text in sorted(map(_weighted, members))]
    return ",".join(members)


def _weighted(member: str) -> tuple[float, str]:
    """A member's sort key: its preference, then its text, the weight in one form of spelling."""
    match = _WEIGHT.search(member)
    weight = float(match[1]) if match else 1.0
    name = member[: match.start()] if match else member
    return -weight, name if weight == 1.0 else f"{name};q={weight:g}"
