"""Conditional requests: entity tags, and which precondition decides (RFC 9110 §8.8.3, §13)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from common.http.dates import parse_http_date

LONGEST_FIELD: Final = 8192
"""Characters of a list of entity tags that are read; a longer list matches nothing."""

_ENTITY_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\U0010ffff]*)"')
_SEPARATOR: Final = re.compile(r"[ \t]*(?:,[ \t]*)+")
_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class EntityTag:
    """An entity tag: the characters between its quotes, and whether it is weak."""

    value: str
    weak: bool = False

    def __str__(self) -> str:
        return f'{"W/" if self.weak else ""}"{self.value}"'

    def matches_strongly(self, other: "EntityTag") -> bool:
        """Strong comparison: both are strong, and the same (§8.8.3.2)."""
        return self.value == other.value and not self.weak and not other.weak

    def matches_weakly(self, other: "EntityTag") -> bool:
        """Weak comparison: the same, either of them weak or not (§8.8.3.2)."""
        return self.value == other.value


class Verdict(Enum):
    """What a request's preconditions allow (§13.2.2)."""

    PROCEED = "proceed"
    NOT_MODIFIED = "not modified"
    """The client's copy is current: 304."""
    FAILED = "failed"
    """A precondition is false: 412."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The fields of a request that make it conditional, and its Range; None where it has none."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None
    if_range: str | None = None
    range: str | None = None

    @classmethod
    def of(cls, fields: Iterable[tuple[str, str]]) -> "Conditions":
        """The conditions among ``fields``, names and values as they came.

        Lines of one name are joined with commas (§5.3); where a field has no list form the joined
        value breaks its grammar, and so is ignored.
        """
        found: dict[str, str] = {}
        for name, value in fields:
            attribute = _NAMES.get(name.lower())
            if attribute is not None:
                before = found.get(attribute)
                found[attribute] = value if before is None else f"{before}, {value}"
        return cls(**found)


_NAMES: Final = {name.replace("_", "-"): name for name in Conditions.__dataclass_fields__}


def parse_entity_tag(field: str) -> EntityTag | None:
    """The one entity tag that ``field`` is; None when it is none."""
    match = _ENTITY_TAG.fullmatch(field.strip(" \t"))
    return EntityTag(match[2], weak=match[1] is not None) if match else None


def parse_entity_tags(field: str) -> tuple[EntityTag, ...]:
    """The entity tags of a list; none when it breaks the grammar or is too long."""
    text = field.strip(" \t,")
    tags: list[EntityTag] = []
    position = 0
    while position < len(text) <= LONGEST_FIELD:
        match = _ENTITY_TAG.match(text, position)
        if match is None:
            return ()
        tags.append(EntityTag(match[2], weak=match[1] is not None))
        separator = _SEPARATOR.match(text, match.end())
        if separator is None and match.end() < len(text):
            return ()
        position = separator.end() if separator else match.end()
    return tuple(tags)


def judge(
    method: str,
    conditions: Conditions,
    *,
    etag: EntityTag | None,
    last_modified: float | None,
    now: float,
) -> Verdict:
    """Evaluates a request's preconditions in the order of §13.2.2, Range aside.

    Args:
        method: the request's method.
        conditions: its conditional fields.
        etag: the entity tag of the representation that would be sent, which exists.
        last_modified: when it was last changed, in POSIX seconds.
        now: POSIX time.
    """
    if conditions.if_match is not None:
        if not _if_match(conditions.if_match, etag):
            return Verdict.FAILED
    elif _changed_since(conditions.if_unmodified_since, last_modified, now) is True:
        return Verdict.FAILED
    safe = method in {"GET", "HEAD"}
    if conditions.if_none_match is not None:
        if _if_none_match(conditions.if_none_match, etag):
            return Verdict.PROCEED
        return Verdict.NOT_MODIFIED if safe else Verdict.FAILED
    if safe and _changed_since(conditions.if_modified_since, last_modified, now) is False:
        return Verdict.NOT_MODIFIED
    return Verdict.PROCEED


def range_applies(
    if_range: str | None, *, etag: EntityTag | None, last_modified: float | None, now: float
) -> bool:
    """Whether If-Range lets Range hold: it is absent, or the very same representation (§13.1.5).

    A date counts only when it is exactly Last-Modified and a second in the past, as only then it
    is a strong validator (§8.8.2.2).
    """
    if if_range is None:
        return True
    given = parse_entity_tag(if_range)
    if given is not None:
        return etag is not None and etag.matches_strongly(given)
    date = parse_http_date(if_range, now=now)
    if date is None or last_modified is None:
        return False
    return date == int(last_modified) and date <= now - 1


def _if_match(field: str, etag: EntityTag | None) -> bool:
    if field.strip(" \t") == _ANY:
        return True
    return etag is not None and any(map(etag.matches_strongly, parse_entity_tags(field)))


def _if_none_match(field: str, etag: EntityTag | None) -> bool:
    if field.strip(" \t") == _ANY:
        return False
    return etag is None or not any(map(etag.matches_weakly, parse_entity_tags(field)))


def _changed_since(field: str | None, last_modified: float | None, now: float) -> bool | None:
    """Whether the representation is newer than the date; None when the field must be ignored."""
    if field is None or last_modified is None:
        return None
    date = parse_http_date(field, now=now)
    return None if date is None else int(last_modified) > date
