"""One request becomes one line, whatever a client sends."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from edge.policy import access_line
from edge.policy.access_line import (
    LONGEST,
    SECRETS,
    AccessRecord,
    CombinedLines,
    JsonLines,
    render,
)

RECORD = AccessRecord(
    time=1_000_000_000.1239,
    duration=0.25,
    client="192.0.2.7",
    method="GET",
    target="/v/a/1/seg.m4s?n=1",
    version="HTTP/1.1",
    status=206,
    sent=4096,
    host="cdn.test",
    cache_result="hit",
    cache_status='edge; hit; ttl=30; detail="from memory"',
    referrer="https://site.test/watch",
    user_agent="player/1.0 (test)",
    request_received=12,
    tls="TLSv1.3",
)
COMBINED = re.compile(
    rb"(\S+) - - \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "
    rb'"([^"]*)" (\d+) (\d+|-) "([^"]*)" "([^"]*)"\n'
)


def json_line(record: AccessRecord) -> bytes:
    return render(JsonLines(), record).encode()


def combined_line(record: AccessRecord) -> bytes:
    return render(CombinedLines(), record).encode()


Render = Callable[[AccessRecord], bytes]
ANY_TEXT = strategies.text(strategies.characters(codec=None), max_size=80)


def test_a_json_line_tells_every_fact_of_the_record() -> None:
    assert json.loads(json_line(RECORD)) == {
        "time": "2001-09-09T01:46:40.123Z",
        "duration": 0.25,
        "client": "192.0.2.7",
        "method": "GET",
        "host": "cdn.test",
        "target": "/v/a/1/seg.m4s?n=1",
        "version": "HTTP/1.1",
        "status": 206,
        "sent": 4096,
        "cache_result": "hit",
        "cache_status": 'edge; hit; ttl=30; detail="from memory"',
        "referrer": "https://site.test/watch",
        "user_agent": "player/1.0 (test)",
        "request_received": 12,
        "tls": "TLSv1.3",
    }


def test_a_json_line_has_milliseconds_on_a_whole_second_too() -> None:
    assert json.loads(json_line(replace(RECORD, time=0.0)))["time"] == "1970-01-01T00:00:00.000Z"


def test_a_combined_line_is_what_apache_writes() -> None:
    assert combined_line(RECORD) == (
        b'192.0.2.7 - - [09/Sep/2001:01:46:40 +0000] "GET /v/a/1/seg.m4s?n=1 HTTP/1.1" 206 4096 '
        b'"https://site.test/watch" "player/1.0 (test)"\n'
    )


def test_a_combined_line_has_a_dash_where_there_is_nothing() -> None:
    record = replace(RECORD, client="", sent=0, referrer=None, user_agent=None)

    assert combined_line(record) == (
        b'- - - [09/Sep/2001:01:46:40 +0000] "GET /v/a/1/seg.m4s?n=1 HTTP/1.1" 206 - "-" "-"\n'
    )


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ('a" 200 1 "b', r"a\x22 200 1 \x22b"),
        ("a\\b", r"a\x5Cb"),
        ("a\r\nb", r"a\x0D\x0Ab"),
        ("\x1b[2J", r"\x1B[2J"),
        ("\x7f", r"\x7F"),
        ("\x9b2J", r"\x9B2J"),
        ("\xc3\xa9", r"\xC3\xA9"),
        ("\udcff", r"\xFF"),
        ("\u202e", r"\xE2\x80\xAE"),
        ("\ud800", r"\xED\xA0\x80"),
    ],
)
def test_bytes_that_could_forge_or_hide_are_written_in_hexadecimal(sent: str, written: str) -> None:
    assert f'"{written}"\n'.encode() in combined_line(replace(RECORD, user_agent=sent))


def test_json_needs_no_second_escape_for_quotes() -> None:
    assert json.loads(json_line(replace(RECORD, user_agent='a "b"')))["user_agent"] == 'a "b"'


def test_json_has_no_control_characters_either() -> None:
    line = json_line(replace(RECORD, user_agent="\x1b\x7f\x9b\udc80"))

    assert json.loads(line)["user_agent"] == r"\x1B\x7F\x9B\x80"


def test_a_backslash_that_was_sent_is_told_from_an_escape() -> None:
    lines = {json_line(replace(RECORD, user_agent=sent)) for sent in ("\x1b", r"\x1B")}

    assert len(lines) == 2


@hypothesis.given(
    ANY_TEXT,
    ANY_TEXT,
    ANY_TEXT,
    ANY_TEXT,
    strategies.none() | ANY_TEXT,
    strategies.none() | ANY_TEXT,
)
def test_a_combined_line_always_has_its_nine_members(
    client: str, method: str, target: str, version: str, referrer: str | None, agent: str | None
) -> None:
    record = replace(
        RECORD,
        client=client,
        method=method,
        target=target,
        version=version,
        referrer=referrer,
        user_agent=agent,
    )

    assert COMBINED.fullmatch(combined_line(record)) is not None


@hypothesis.given(ANY_TEXT, ANY_TEXT, ANY_TEXT, ANY_TEXT)
def test_a_json_line_is_always_one_line_of_printable_ascii(
    target: str, host: str, cache_status: str, agent: str
) -> None:
    record = replace(RECORD, target=target, host=host, cache_status=cache_status, user_agent=agent)

    assert re.fullmatch(rb"[ -~]+\n", json_line(record)) is not None


@hypothesis.given(strategies.floats(0, 4_000_000_000))
def test_the_time_is_told_to_the_millisecond(moment: float) -> None:
    told = json.loads(json_line(replace(RECORD, time=moment)))["time"]

    assert abs(datetime.fromisoformat(told).timestamp() - moment) <= 0.001


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_in_a_query_are_not_written(name: str) -> None:
    record = replace(RECORD, target=f"/a?x=1&{name}=hunter2&y=2")

    assert json.loads(json_line(record))["target"] == f"/a?x=1&{name}=-&y=2"


@pytest.mark.parametrize(
    "target",
    [
        "/a?TOKEN=hunter2",
        "/a?%74oken=hunter2",
        "/a?%54%4F%4b%45%4e=hunter2",
        "/a?access%5ftoken=hunter2",
        "/a?x=1;token=hunter2",
        "/a;token=hunter2",
        "/a#token=hunter2",
        "/a?token=one=hunter2",
        "/a?token=one;hunter2",
        "/a?token=&token=hunter2",
        "/a?sig=hunter2&key=hunter2",
        "/a?next=%2Fb%3Ftoken%3Dhunter2",
        "/a?next=%2Fb%3fx%3D1%26Password%3dhunter2",
        "http://user:hunter2@cdn.test/a",
    ],
)
@pytest.mark.parametrize("render", [json_line, combined_line])
def test_credentials_are_found_however_they_are_spelled(render: Render, target: str) -> None:
    assert b"hunter2" not in render(replace(RECORD, target=target))


NAMES = strategies.sampled_from([*SECRETS, "CMCD", "sid", "monkey"])
SPELLINGS = strategies.sampled_from(
    [str, str.upper, str.title, lambda name: "".join(f"%{ord(each):02x}" for each in name)]
)
PIECES = strategies.one_of(
    strategies.sampled_from(["?", "&", "=", "%3d", "%3D", "%26", "%", "/a", "x", ";", "#", "%2C"]),
    strategies.builds(lambda spelling, name: spelling(name), SPELLINGS, NAMES),
)


@hypothesis.settings(max_examples=1000)
@hypothesis.given(strategies.lists(PIECES, max_size=12).map("".join))
def test_no_credential_is_overlooked_where_there_is_hardly_a_hint_of_one(target: str) -> None:
    told = json.loads(json_line(replace(RECORD, target=target)))["target"]

    assert told == access_line._SECRET.sub(r"\1-", target)


@pytest.mark.parametrize("render", [json_line, combined_line])
def test_credentials_in_a_referrer_are_not_written(render: Render) -> None:
    assert b"hunter2" not in render(replace(RECORD, referrer="https://site.test/?token=hunter2"))


@pytest.mark.parametrize("target", ["/a?monkey=1", "/a?tokens=1", "/token=1", "/a?x=token", "/@a"])
def test_parameters_that_only_resemble_credentials_are_written(target: str) -> None:
    assert json.loads(json_line(replace(RECORD, target=target)))["target"] == target


@pytest.mark.parametrize("member", ["client", "method", "host", "target", "cache_status"])
def test_long_members_are_cut(member: str) -> None:
    changes: dict[str, Any] = {member: "a" * (LONGEST + 1)}

    assert json.loads(json_line(replace(RECORD, **changes)))[member] == "a" * LONGEST


def test_a_credential_is_left_out_before_the_rest_is_cut() -> None:
    record = replace(RECORD, target=f"/?token={'s' * LONGEST}&y=2")

    assert json.loads(json_line(record))["target"] == "/?token=-&y=2"
