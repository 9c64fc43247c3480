"""Targeted cache control: CDN-Cache-Control and its kin, which are structured (RFC 9213 §2.1)."""

from collections.abc import Iterable

import http_sf

from common.http.cache_control import LONGEST_DELTA, LONGEST_FIELD, CacheControl

_UNUSABLE = ""
"""No number of seconds, and no field names: a directive with it is as strict as it can be."""


def parse_targeted(lines: Iterable[str]) -> CacheControl | None:
    """The directives of a targeted field, the values of all lines of its name in their order.

    A value of a type that its directive cannot have is not consumed, as RFC 9213 §2.1 has it, and
    what remains is read strictly: the directive is there, its seconds are 0, and no field names
    limit it. That is so for ``max-age="60"``, ``max-age=60.0``, ``private=set-cookie`` and, as
    such a directive is either true or absent, for ``no-store=?0``. Parameters are ignored.

    Returns:
        None when the field has to be ignored, so that Cache-Control counts: it is absent or empty,
        is no Dictionary (RFC 9651 §3.2), or has more than ``LONGEST_FIELD`` characters.
    """
    text = ", ".join(lines)
    if not text or len(text) > LONGEST_FIELD:
        return None
    try:
        members = http_sf.parse(text.encode("ascii"), tltype="dictionary")
    # Both the library's errors and that of encoding are one.
    except ValueError:
        return None
    if not isinstance(members, dict) or not members:
        return None
    return CacheControl({name: (_argument(member),) for name, member in members.items()})


def _argument(member: object) -> str | None:
    """The value as CacheControl holds it: None when it has none."""
    value = member[0] if isinstance(member, tuple) else member
    if value is True:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(min(value, LONGEST_DELTA))
    # A String is no number, even where it reads like one.
    if isinstance(value, str) and not value.isdigit():
        return value
    return _UNUSABLE
