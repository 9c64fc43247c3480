"""Which requests are plain, and what they tell."""

import pytest

from control_plane.routing.plain import (
    MOST_FIELDS,
    is_whole,
    read_head,
    read_line,
    without_forwarded,
)


def block(*lines: str) -> bytes:
    return ("\r\n" + "".join(f"{line}\r\n" for line in ("Host: cdn.test", *lines)) + "\r\n").encode(
        "latin-1"
    )


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("GET /play/film HTTP/1.1", ("film", "")),
        ("GET /play/film? HTTP/1.1", ("film", "")),
        ("GET /play/a-b_1?CMCD=mtp%3D1&x HTTP/1.1", ("a-b_1", "CMCD=mtp%3D1&x")),
        ("GET /play/film.json HTTP/1.1", None),
        ("GET /play/f%69lm HTTP/1.1", None),
        ("GET /play/film?a#b HTTP/1.1", None),
        ("GET /play/film?a b HTTP/1.1", None),
        ("GET /play/film HTTP/1.0", None),
        ("GET  /play/film HTTP/1.1", None),
        ("HEAD /play/film HTTP/1.1", None),
        ("get /play/film HTTP/1.1", None),
        (f"GET /play/{'x' * 65} HTTP/1.1", None),
        ("GET http://cdn.test/play/film HTTP/1.1", None),
        ("", None),
    ],
)
def test_a_line_is_plain_when_it_asks_for_an_asset_and_no_more(
    line: str, asked: tuple[str, str] | None
) -> None:
    data = line.encode() + block()
    assert read_line(data, len(line)) == asked


def test_fields_that_count_are_told_cut_and_in_lower_case() -> None:
    head = read_head(
        block("User-Agent: " + "x" * 600, "COOKIE: a=b", "ECT:\t3g ", "CMCD-Session: " + "s" * 600)
    )

    assert head is not None
    assert head.fields == {"user-agent": "x" * 512, "ect": "3g", "cmcd-session": "s" * 512}
    assert head.session == "s" * 600


@pytest.mark.parametrize(
    "line",
    [
        "X-Odd: 1",
        "Authorization: Bearer x",
        "Host: other.test",
        "Accept: a\r\naccept: b",
        "Connection: close",
        "Connection: keep-alive, upgrade",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "X-Forwarded-For: 192.0.2.1",
        "User-Agent: \xe9",
        "User-Agent: a\x00",
        "Accept : a",
        " folded",
        "No colon",
        "Accept: a\nX: b",
        "\r\n".join(f"X-{number}: 1" for number in range(MOST_FIELDS)),
    ],
)
def test_a_field_that_leaves_a_doubt_makes_all_of_them_unknown(line: str) -> None:
    assert read_head(block(line)) is None


@pytest.mark.parametrize(
    "cut", [b"\r\n\r\n", b"\r\nAccept: */*\r\n\r\n", block()[2:], block()[:-2]]
)
def test_fields_without_a_host_or_an_end_are_not_plain(cut: bytes) -> None:
    assert read_head(cut) is None


@pytest.mark.parametrize(
    ("lines", "chain", "left"),
    [
        (("X-Forwarded-For: 192.0.2.1", "A: b"), "192.0.2.1", ("A: b",)),
        (("x-forwarded-for: ::1, 192.0.2.1",), "::1, 192.0.2.1", ()),
        (("X-Forwarded-For: unknown",), None, ("X-Forwarded-For: unknown",)),
        (
            ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 192.0.2.2"),
            "192.0.2.1",
            ("X-Forwarded-For: 192.0.2.2",),
        ),
        (("A: b",), None, ("A: b",)),
    ],
)
def test_the_viewers_address_is_taken_out_of_what_many_have_in_common(
    lines: tuple[str, ...], chain: str | None, left: tuple[str, ...]
) -> None:
    assert without_forwarded(block(*lines)) == (block(*left), chain)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"GET /any?x HTTP/1.1" + block("X-Odd: 1"), True),
        (b"HEAD /any HTTP/1.1" + block(), True),
        (b"POST /any HTTP/1.1" + block(), False),
        (b"GET /any HTTP/1.0" + block(), False),
        (b"GET /any HTTP/1.1" + block("Content-Length: 4"), False),
        (b"GET /any HTTP/1.1" + block("Connection: close"), False),
        (b"GET /any HTTP/1.1" + block() + b"GET /play/x HTTP/1.1" + block(), False),
        (b"GET /any HTTP/1.1" + block()[:-2], False),
        (b"GET /any HTTP/1.1" + block("Cookie: " + "x" * 5000), False),
        (b"", False),
    ],
)
def test_a_connection_is_clean_after_what_is_whole_to_every_reader(
    data: bytes, whole: bool
) -> None:
    assert is_whole(data) is whole
