"""RFC 9111 §4.4: what a request that may change something makes worthless."""

import pytest

from common.http.fields import Fields, Pairs
from edge.policy.invalidation import same_origin_target, targets_to_invalidate
from edge.policy.messages import Request

HERE = "/dir/x?y"


def request(method: str = "POST", scheme: str = "http", host: str = "a.test") -> Request:
    return Request(method, scheme, host, HERE, Fields())


@pytest.mark.parametrize(
    ("method", "status", "own"),
    [
        ("POST", 200, True),
        ("PUT", 201, True),
        ("DELETE", 204, True),
        ("PATCH", 299, True),
        ("POST", 300, True),
        ("POST", 303, True),
        ("POST", 399, True),
        ("BREW", 200, True),
        ("PROPFIND", 207, True),
        ("Get", 200, True),
        ("POST", 400, False),
        ("POST", 404, False),
        ("POST", 500, False),
        ("POST", 599, False),
        ("POST", 199, False),
        ("GET", 200, False),
        ("HEAD", 200, False),
        ("OPTIONS", 200, False),
        ("TRACE", 200, False),
    ],
)
def test_rfc9111_4_4_no_error_of_what_may_be_unsafe_invalidates_the_target(
    method: str, status: int, own: bool
) -> None:
    assert targets_to_invalidate(request(method), status, Fields()) == ([HERE] if own else [])


@pytest.mark.parametrize(
    ("fields", "targets"),
    [
        ((("Location", "/a"),), [HERE, "/a"]),
        ((("content-location", "/a"),), [HERE, "/a"]),
        ((("Location", "/a"), ("Content-Location", "/b")), [HERE, "/a", "/b"]),
        ((("Location", "/a"), ("Content-Location", "/a")), [HERE, "/a"]),
        ((("Location", HERE),), [HERE]),
        ((("Location", "http://b.test/a"),), [HERE]),
        ((("Location", ""),), [HERE]),
        ((("Link", "</a>"), ("Refresh", "0;url=/a")), [HERE]),
    ],
)
def test_rfc9111_4_4_what_two_fields_name_is_invalidated_too(
    fields: Pairs, targets: list[str]
) -> None:
    assert targets_to_invalidate(request(), 201, Fields(fields)) == targets


def test_rfc9111_4_4_what_an_error_names_is_not_invalidated() -> None:
    assert targets_to_invalidate(request(), 409, Fields([("Location", "/a")])) == []


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("/a", "/a"),
        ("a", "/dir/a"),
        ("../a", "/a"),
        ("../../../a", "/a"),
        ("?b", "/dir/x?b"),
        ("#c", HERE),
        ("", HERE),
        ("/a#c", "/a"),
        ("/a?b#c", "/a?b"),
        ("//a.test/b", "/b"),
        ("http://a.test", "/"),
        ("http://a.test?b", "/?b"),
        ("http://A.TEST/b", "/b"),
        ("HTTP://a.test/b", "/b"),
        ("http://a.test:80/b", "/b"),
        ("http://a.test:/b", "/b"),
        (" http://a.test/b ", "/b"),
        ("https://a.test/b", None),
        ("http://a.test:81/b", None),
        ("http://a.test:443/b", None),
        ("http://b.test/b", None),
        ("//b.test/b", None),
        ("http://a.test.b.test/", None),
        ("http://a.test@b.test/", None),
        ("http://u@a.test/", None),
        ("http://[a.test/", None),
        ("data:text/plain,a", None),
        ("mailto:a@a.test", None),
    ],
)
def test_rfc3986_5_a_reference_counts_on_the_origin_of_the_request_alone(
    reference: str, target: str | None
) -> None:
    assert same_origin_target(request(), reference) == target


@pytest.mark.parametrize(
    ("host", "reference", "target"),
    [
        ("a.test", "https://a.test:443/b", "/b"),
        ("a.test", "https://a.test:80/b", None),
        ("a.test", "http://a.test/b", None),
        ("a.test:8443", "https://a.test:8443/b", "/b"),
        ("a.test:8443", "https://a.test/b", None),
        ("a.test:8443", "/b", "/b"),
        ("[::1]", "https://[::1]:443/b", "/b"),
    ],
)
def test_rfc9110_4_3_1_the_origin_is_scheme_host_and_port(
    host: str, reference: str, target: str | None
) -> None:
    assert same_origin_target(request(scheme="https", host=host), reference) == target
