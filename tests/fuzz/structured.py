"""Fuzzes structured fields, read and written: python -m tests.fuzz.structured [--runs N]."""

import atheris  # type: ignore[import-untyped]  # it publishes no types

from tests.fuzz.program import fuzz

with atheris.instrument_imports(include=["common.http", "http_sf"]):
    import http_sf

    from common.http import CacheStatus, parse_targeted
    from common.http.cache_control import LONGEST_DELTA

EXAMPLES = (
    b'max-age=3600, no-store;a=1, private="a, b", x=:YQ==:, y=(a b), z=?0, w=1.5, v=@1, u=%"%c3"',
    b"max-age=60\nno-cache",
    b'edge 1\n/v/a?b="c\\\nin-memory',
)


def check(data: bytes) -> None:
    """Reads ``data`` as CDN-Cache-Control, and writes its lines as the parts of Cache-Status."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    control = parse_targeted(lines)
    if control is not None:
        assert control.directives
        for name in control.directives:
            assert 0 <= (control.seconds(name) or 0) <= LONGEST_DELTA
            control.field_names(name)
    cache, key, detail, *_ = (*lines, "", "")
    written = str(CacheStatus(cache, ttl=len(data), key=key, detail=detail))
    members = http_sf.parse(written.encode("ascii"), tltype="list")
    assert isinstance(members, list)
    assert len(members) == 1


if __name__ == "__main__":
    fuzz(check, EXAMPLES)
