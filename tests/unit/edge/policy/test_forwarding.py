"""Which fields pass through an edge."""

import pytest

from common.http.fields import Fields, Pairs
from edge.policy.forwarding import (
    HOP_BY_HOP,
    end_to_end,
    is_of_edge,
    request_fields,
    stored_fields,
    went_through,
)
from edge.policy.messages import Request


def request(*fields: tuple[str, str]) -> Request:
    return Request("GET", "https", "cdn.test", "/x", Fields(fields))


def sent(*fields: tuple[str, str], client: str | None = None) -> Pairs:
    return request_fields(request(*fields), client, "nearcast-e").pairs


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_rfc9110_7_6_1_fields_of_a_hop_end_there(name: str) -> None:
    fields = Fields([("A", "1"), (name.title(), "x"), ("B", "2")])

    assert end_to_end(fields).pairs == (("A", "1"), ("B", "2"))


@pytest.mark.parametrize("value", ["x-a", "X-A", "close, X-A", ", ,x-a,", "x-b , X-A"])
def test_rfc9110_7_6_1_what_connection_names_ends_there(value: str) -> None:
    assert end_to_end(Fields([("Connection", value), ("X-A", "1"), ("X-C", "2")])).pairs == (
        ("X-C", "2"),
    )


def test_rfc9110_7_6_1_every_line_of_connection_counts() -> None:
    fields = Fields([("Connection", "x-a"), ("connection", "x-b"), ("X-A", "1"), ("X-B", "2")])

    assert end_to_end(fields).pairs == ()


@pytest.mark.parametrize(
    "name",
    [
        *("Age", "Authorization", "Cache-Control", "Content-Encoding", "Content-Length"),
        *("Content-Range", "Content-Type", "Cookie", "Date", "ETag", "Expires", "Host"),
        *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"),
        *("Last-Modified", "Location", "Range", "Set-Cookie", "Vary", "Via"),
    ],
)
def test_rfc9110_7_6_1_connection_takes_nothing_that_is_end_to_end(name: str) -> None:
    fields = Fields([("Connection", f"close, {name.lower()}"), (name, "1")])

    assert end_to_end(fields).pairs == ((name, "1"),)


def test_order_case_and_repeats_of_fields_stay() -> None:
    pairs = (("b", "1"), ("A", "2"), ("B", "3"), ("a", ""))

    assert end_to_end(Fields(pairs)).pairs == pairs


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "x-forwarded-HOST", "Forwarded", "X-Original-URL", "X-Real-IP"]
)
def test_rfc9111_2_what_viewers_say_as_if_they_were_proxies_is_dropped(name: str) -> None:
    assert "evil" not in [value for _, value in sent((name, "evil"))]


@pytest.mark.parametrize("name", ["Nearcast-Client", "nearcast-scheme", "NEARCAST-X"])
def test_what_processes_send_each_other_is_dropped_from_viewers(name: str) -> None:
    assert name not in dict(sent((name, "1")))


def test_rfc9112_3_2_2_host_and_length_are_told_anew_by_whoever_sends() -> None:
    assert (
        not {"Host", "Content-Length"} & dict(sent(("Host", "a"), ("Content-Length", "1"))).keys()
    )


def test_rfc9110_7_6_3_via_comes_after_what_was_there() -> None:
    vias = [value for name, value in sent(("Via", "1.0 a")) if name == "Via"]

    assert vias == ["1.0 a", "1.1 nearcast-e"]


def test_scheme_and_host_of_the_key_are_told() -> None:
    told = dict(sent())

    assert (told["X-Forwarded-Proto"], told["X-Forwarded-Host"]) == ("https", "cdn.test")


@pytest.mark.parametrize("client", [None, "192.0.2.1"])
def test_the_viewers_address_is_told_when_it_is_given(client: str | None) -> None:
    assert dict(sent(client=client)).get("X-Forwarded-For") == client


@pytest.mark.parametrize(
    ("via", "circle"),
    [
        ("1.1 nearcast-e", True),
        ("HTTP/1.1 nearcast-e", True),
        ("1.0 a,1.1   nearcast-e (comment)", True),
        ("1.1 nearcast-e2", False),
        ("nearcast-e", False),
        ("1.1 a (1.1 nearcast-e)", False),
        ("", False),
        (",,", False),
    ],
)
def test_rfc9110_7_6_3_a_circle_is_one_that_names_this_edge(via: str, circle: bool) -> None:
    assert went_through(Fields([("Via", via)]), "nearcast-e") is circle


def test_rfc9110_7_6_3_every_line_of_via_counts() -> None:
    assert went_through(Fields([("Via", "1.1 a"), ("via", "1.1 b")]), "b")


@pytest.mark.parametrize(
    ("via", "edge"),
    [
        ("1.1 nearcast-eu-2", True),
        ("1.1 proxy.example, 1.1 nearcast-e", True),
        ("1.1 squid", False),
    ],
)
def test_other_edges_are_told_from_viewers_behind_proxies(via: str, edge: bool) -> None:
    assert is_of_edge(Fields([("Via", via)])) is edge
    assert not is_of_edge(Fields())


@pytest.mark.parametrize(
    "name",
    ["Proxy-Authenticate", "Proxy-Authentication-Info", "Proxy-Authorization", "Age"],
)
def test_rfc9111_3_1_what_belongs_to_proxies_is_not_stored(name: str) -> None:
    assert stored_fields(Fields([(name, "1"), ("ETag", '"x"')]), frozenset()) == (("ETag", '"x"'),)


def test_rfc9111_5_2_2_4_fields_that_no_cache_lists_are_not_stored() -> None:
    fields = Fields([("Set-Cookie", "a"), ("ETag", '"x"')])

    assert stored_fields(fields, frozenset({"set-cookie"})) == (("ETag", '"x"'),)
