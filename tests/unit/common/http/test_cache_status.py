"""RFC 9211: what a cache tells of itself, read back by a parser of structured fields."""

from typing import get_args

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.http.cache_status import CacheStatus, Forward


@pytest.mark.parametrize(
    ("status", "written"),
    [
        (CacheStatus("edge-1", hit=True, ttl=60), "edge-1; hit; ttl=60"),
        (CacheStatus("edge-1", hit=True, ttl=-5), "edge-1; hit; ttl=-5"),
        (
            CacheStatus("edge-1", fwd="uri-miss", fwd_status=200, stored=True),
            "edge-1; fwd=uri-miss; fwd-status=200; stored",
        ),
        (CacheStatus("edge-1", fwd="miss", collapsed=True), "edge-1; fwd=miss; collapsed"),
        (CacheStatus("edge.example:8443"), "edge.example:8443"),
        (CacheStatus("9 lives"), '"9 lives"'),
        (CacheStatus(""), '""'),
        (CacheStatus("a", key="/v/a token"), 'a; key="/v/a token"'),
        (CacheStatus("a", key="token"), 'a; key="token"'),
        (CacheStatus("a", detail="memory"), "a; detail=memory"),
        (CacheStatus("a", detail="in memory"), 'a; detail="in memory"'),
        (CacheStatus("a", detail='"\\'), 'a; detail="\\"\\\\"'),
    ],
)
def test_each_parameter_has_its_form(status: CacheStatus, written: str) -> None:
    assert str(status) == written


def test_what_a_string_cannot_hold_is_dropped() -> None:
    assert str(CacheStatus("Zürich\r\nSet-Cookie: a")) == '"ZrichSet-Cookie: a"'


def test_a_time_too_long_to_write_is_clipped() -> None:
    assert str(CacheStatus("a", ttl=10**20)) == "a; ttl=999999999999999"


def read(written: str) -> tuple[object, dict[str, object]]:
    """The one member of a Cache-Status field and its parameters."""
    members = http_sf.parse(written.encode("ascii"), tltype="list")
    assert isinstance(members, list)
    assert len(members) == 1
    assert isinstance(members[0], tuple)
    name, parameters = members[0]
    assert isinstance(parameters, dict)
    return name, dict(parameters)


PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
STATUSES = st.builds(
    CacheStatus,
    cache=PRINTABLE,
    hit=st.booleans(),
    fwd=st.none() | st.sampled_from(get_args(Forward)),
    fwd_status=st.none() | st.integers(100, 599),
    ttl=st.none() | st.integers(-(2**31), 2**31),
    stored=st.booleans(),
    collapsed=st.booleans(),
    key=st.none() | PRINTABLE,
    detail=st.none() | PRINTABLE,
)


@given(STATUSES)
def test_what_is_written_is_read_back(status: CacheStatus) -> None:
    name, parameters = read(str(status))
    assert name == status.cache
    told = {
        "hit": status.hit or None,
        "fwd": status.fwd,
        "fwd-status": status.fwd_status,
        "ttl": status.ttl,
        "stored": status.stored or None,
        "collapsed": status.collapsed or None,
        "key": status.key,
        "detail": status.detail,
    }
    assert parameters == {key: value for key, value in told.items() if value is not None}


@given(st.text(), st.text(), st.text())
def test_any_text_makes_one_member(cache: str, key: str, detail: str) -> None:
    _, parameters = read(str(CacheStatus(cache, key=key, detail=detail)))
    assert parameters.keys() == {"key", "detail"}
