"""Fuzzes Cache-Control, Age, dates and preconditions: python -m tests.fuzz.fields [--runs N]."""

import atheris  # type: ignore[import-untyped]  # it publishes no types

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["common.http"]):
    from common.http import (
        Conditions,
        EntityTag,
        format_http_date,
        judge,
        parse_age,
        parse_cache_control,
        parse_entity_tag,
        parse_entity_tags,
        parse_http_date,
        range_applies,
    )
    from common.http.cache_control import LONGEST_DELTA

NOW = 1_800_000_000.0
TAG = EntityTag("a")
EXAMPLES = (
    b'max-age=60, s-maxage="3600", no-store, private="a, b", no-cache, stale-if-error=9',
    b"max-age=60\nmax-age=0, , a=b=c",
    b"7200, 0\n60",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b'"a", W/"b", "",, "c,d"',
)


def check(data: bytes) -> None:
    """Reads ``data`` as each field."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    control = parse_cache_control(lines)
    for name in control.directives:
        assert 0 <= (control.seconds(name) or 0) <= LONGEST_DELTA
        assert name == name.lower()
        control.field_names(name)
    age = parse_age(lines)
    assert age is None or 0 <= age <= LONGEST_DELTA
    date = parse_http_date(text, now=NOW)
    assert date is None or parse_http_date(format_http_date(date), now=NOW) == date
    tag = parse_entity_tag(text)
    assert tag is None or parse_entity_tags(text) == (tag,)
    tags = parse_entity_tags(text)
    assert parse_entity_tags(", ".join(map(str, tags))) == tags
    judge("GET", Conditions(*[text] * 6), etag=TAG, last_modified=NOW - 100, now=NOW)
    range_applies(text, etag=TAG, last_modified=NOW - 100, now=NOW)


if __name__ == "__main__":
    fuzz(check, EXAMPLES)
