"""RFC 9111 §2: what makes a cache key, and what is refused before it does."""

import hypothesis
import pytest
from hypothesis import strategies as st

from edge.policy.keys import (
    LONGEST_OBJECT_PATH,
    LONGEST_TARGET,
    HostInvalid,
    KeyRules,
    PathInvalid,
    PathUnknown,
    TargetInvalid,
    TargetTooLong,
    normalised_host,
    read_target,
)


@pytest.mark.parametrize(
    ("target", "counts"),
    [
        ("/x", "/x"),
        ("/", "/"),
        ("/x?a=1", "/x?a=1"),
        ("/x?b=2&a=1&b=1", "/x?b=2&a=1&b=1"),
        ("/x?", "/x?"),
        ("/x?a", "/x?a"),
        ("/x?a=1?b=2", "/x?a=1?b=2"),
        ("/x?a=1&&b=2&", "/x?a=1&&b=2&"),
        ("/x?=1", "/x?=1"),
        ("/X/%7e/../y//z?A=%41+b", "/X/%7e/../y//z?A=%41+b"),
    ],
)
def test_a_query_counts_as_it_is(target: str, counts: str) -> None:
    assert KeyRules().target(target) == counts


@pytest.mark.parametrize(
    ("target", "counts"),
    [
        ("/x?CMCD=bl%3D1", "/x"),
        ("/x?token=secret", "/x"),
        ("/x?token", "/x"),
        ("/x?token=", "/x"),
        ("/x?CMCD=a&token=b", "/x"),
        ("/x?a=1&CMCD=b&c=2", "/x?a=1&c=2"),
        ("/x?CMCD=1&a=1&CMCD=2&token=3", "/x?a=1"),
        ("/x?token=a=b?c", "/x"),
        ("/x?cmcd=1&Token=2", "/x?cmcd=1&Token=2"),
        ("/x?CMCD-Object=1&tokens=2", "/x?CMCD-Object=1&tokens=2"),
        ("/x?a=token&b=CMCD", "/x?a=token&b=CMCD"),
        ("/token=1", "/token=1"),
    ],
)
def test_cmcd_and_tokens_do_not_count(target: str, counts: str) -> None:
    """CTA-5004 §2.2. What a target is left with is also what goes upstream."""
    assert KeyRules().target(target) == counts


@pytest.mark.parametrize(
    ("counted", "target", "counts"),
    [
        (frozenset({"v"}), "/x?a=1&v=2&b=3", "/x?v=2"),
        (frozenset({"v"}), "/x?v=2&v=1", "/x?v=2&v=1"),
        (frozenset({"v"}), "/x?a=1", "/x"),
        (frozenset({"v"}), "/x?V=1", "/x"),
        (frozenset({"v"}), "/x?", "/x?"),
        (frozenset[str](), "/x?a=1&b=2", "/x"),
        (frozenset({"token", "v"}), "/x?token=1&v=2", "/x?v=2"),
    ],
)
def test_only_the_counted_parameters_count_where_there_are_such(
    counted: frozenset[str], target: str, counts: str
) -> None:
    assert KeyRules(counted=counted).target(target) == counts


@pytest.mark.parametrize(
    ("ignored", "target", "counts"),
    [
        (frozenset({"a"}), "/x?a=1&b=2", "/x?b=2"),
        (frozenset({"a"}), "/x?token=1&CMCD=2", "/x?token=1&CMCD=2"),
        (frozenset[str](), "/x?token=1", "/x?token=1"),
    ],
)
def test_other_parameters_can_be_ignored(ignored: frozenset[str], target: str, counts: str) -> None:
    assert KeyRules(ignored=ignored).target(target) == counts


@pytest.mark.parametrize(
    ("target", "counts"),
    [
        ("/x?b=2&a=1", "/x?a=1&b=2"),
        ("/x?a=2&a=1", "/x?a=1&a=2"),
        ("/x?b&token=1&a", "/x?a&b"),
        ("/x?", "/x?"),
    ],
)
def test_parameters_can_be_sorted(target: str, counts: str) -> None:
    assert KeyRules(sort=True).target(target) == counts


@pytest.mark.parametrize(
    "rules",
    [
        KeyRules(),
        KeyRules(sort=True),
        KeyRules(counted=frozenset({"a"})),
        KeyRules(counted=frozenset({"a"}), sort=True),
    ],
)
@pytest.mark.parametrize("target", ["/x", "/x?", "/x?b=1&a=2&CMCD=3", "/x?&", "/x?token", "/?a&a"])
def test_what_counts_of_what_counts_is_all_of_it(rules: KeyRules, target: str) -> None:
    once = rules.target(target)

    assert rules.target(once) == once


@pytest.mark.parametrize(
    "others",
    [
        ("https", "a.test", "/x?y"),
        ("http", "b.test", "/x?y"),
        ("http", "a.test:81", "/x?y"),
        ("http", "a.test", "/x"),
        ("http", "a.test", "/X?y"),
    ],
)
def test_scheme_host_and_target_part_the_keys(others: tuple[str, str, str]) -> None:
    assert KeyRules().key(*others) != KeyRules().key("http", "a.test", "/x?y")


def test_a_key_is_the_url() -> None:
    assert KeyRules().key("https", "a.test:8443", "/x?y") == "https://a.test:8443/x?y"


@pytest.mark.parametrize(
    "target",
    ["/v/a/1/main.m3u8", "/v/a/1/x/0.m4s?a=1", "/v/a/1/main.m3u8?", "/v/A_b-c/1/x.Y?token=1"],
)
def test_an_object_is_known_by_its_path_alone(target: str) -> None:
    rules = KeyRules(objects_only=True)
    counts = rules.target(target)

    assert counts == target.partition("?")[0]
    assert rules.key("http", "any.test", counts) == counts[1:]


@pytest.mark.parametrize(
    "target",
    [
        "/v/a/1/../x",
        "/v/a/1/./x",
        "/v/a/1/..",
        "/v/a//1/x",
        "/v/a/1/",
        "//v/a/1/x",
        "/v/a/1/%78",
        "/v/a/1/a%2fb",
        "/v/a/1/a b",
        "/v/a/1/a;b",
        "/v/a/1/\xe4",
        "/v/a/1/x\n",
        "v/a/1/x",
        "*",
        "",
        f"/v/a/1/{'x' * LONGEST_OBJECT_PATH}",
    ],
)
def test_a_path_that_no_object_can_have_is_refused(target: str) -> None:
    with pytest.raises(PathInvalid):
        KeyRules(objects_only=True).target(target)


@pytest.mark.parametrize(
    "target", ["/", "/v", "/v/a", "/v/a/1", "/w/a/1/x", "/V/a/1/x", "/?/v/a/1/x"]
)
def test_where_no_objects_are_nothing_is_known(target: str) -> None:
    with pytest.raises(PathUnknown):
        KeyRules(objects_only=True).target(target)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("/", ("h", "/")),
        ("/x?y", ("h", "/x?y")),
        ("/x#y", ("h", "/x")),
        ("//x", ("h", "//x")),
        ("*", ("h", "*")),
        ("/http://a.test/", ("h", "/http://a.test/")),
        ("http://a.test/x?y", ("a.test", "/x?y")),
        ("http://a.test", ("a.test", "/")),
        ("http://a.test?y", ("a.test", "/?y")),
        ("HTTPS://A.test:8443/x", ("A.test:8443", "/x")),
        ("http://[::1]:80/x", ("[::1]:80", "/x")),
        (f"/{'x' * (LONGEST_TARGET - 1)}", ("h", f"/{'x' * (LONGEST_TARGET - 1)}")),
    ],
)
def test_rfc9112_3_2_a_target_is_a_path_an_asterisk_or_a_url_whose_host_wins(
    raw: str, found: tuple[str, str]
) -> None:
    assert read_target(raw, "h") == found


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "x",
        "a.test:80",
        "http:/x",
        "http:///x",
        "http://",
        "http://u@a.test/x",
        "http://u:p@a.test/x",
        "ftp://a.test/x",
        "http//a.test/x",
        "**",
        "*?x",
        "?x",
        "#x",
        "/x y",
        "/x\t",
        "/x\0",
        "/x\n",
        "/\xe4",
        "/\x7f",
        " /x",
        "\\x",
        "http://a.test/x#y",
        "http://a.test#y",
        "http://a.test/x y",
        "http://a.test/\xe4",
    ],
)
def test_rfc9112_3_2_any_other_target_is_refused(raw: str) -> None:
    with pytest.raises(TargetInvalid):
        read_target(raw, "h")


def test_rfc9110_15_5_15_a_target_beyond_the_limit_is_too_long() -> None:
    with pytest.raises(TargetTooLong):
        read_target(f"/{'x' * LONGEST_TARGET}", "h")


def test_a_path_without_host_has_none() -> None:
    assert read_target("/x", None) == (None, "/x")


@pytest.mark.parametrize(
    ("host", "scheme", "normal"),
    [
        ("a.test", "http", "a.test"),
        ("A.TeSt", "http", "a.test"),
        ("a.test:80", "http", "a.test"),
        ("a.test:443", "https", "a.test"),
        ("a.test:443", "http", "a.test:443"),
        ("a.test:80", "https", "a.test:80"),
        ("a.test:", "http", "a.test"),
        ("a.test:", "https", "a.test"),
        ("a.test:8080", "http", "a.test:8080"),
        ("a.test:180", "http", "a.test:180"),
        ("127.0.0.1:80", "http", "127.0.0.1"),
        ("[::1]", "http", "[::1]"),
        ("[::AB]:80", "http", "[::ab]"),
        ("[::80]", "http", "[::80]"),
        ("x_y-z~.test", "http", "x_y-z~.test"),
        ("a%20b.test", "http", "a%20b.test"),
        ("a" * 253, "http", "a" * 253),
    ],
)
def test_rfc9110_4_2_3_hosts_that_mean_the_same_are_written_the_same(
    host: str, scheme: str, normal: str
) -> None:
    """RFC 3986 §6.2.3: an empty port is the scheme's default one."""
    assert normalised_host(host, scheme) == normal


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        ":80",
        ":",
        "a.test:x",
        "a.test:80:80",
        "a.test::",
        "a.test:123456",
        "a.test:-1",
        "a b",
        " a.test",
        "a.test ",
        "a.test\n",
        "a.test, b.test",
        "a.test/x",
        "a.test?x",
        "a.test#x",
        "u@a.test",
        "a\\b",
        '"a"',
        "<a>",
        "\xe4.test",
        "\u0661.test",
        "a.test:\u0661",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[a.test]",
        "[::1]x",
        "[[::1]]",
        "a" * 254,
    ],
)
def test_rfc3986_3_2_2_what_is_no_host_is_refused(host: str | None) -> None:
    with pytest.raises(HostInvalid):
        normalised_host(host, "http")


QUERIES = st.lists(
    st.sampled_from(["CMCD", "token", "cmcd", "a", "=", "&", "%26", "x.y", "?", "#", "+", '"']),
    max_size=6,
).map("".join)
SOME_RULES = (
    KeyRules(),
    KeyRules(ignored=frozenset()),
    KeyRules(ignored=frozenset({"x.y", "a"})),
    KeyRules(counted=frozenset({"a"})),
    KeyRules(counted=frozenset({"CMCD"}), sort=True),
)


@hypothesis.settings(max_examples=500)
@hypothesis.given(QUERIES, st.sampled_from(SOME_RULES))
def test_of_a_query_that_counts_for_nothing_at_a_glance_nothing_counts(
    query: str, rules: KeyRules
) -> None:
    if rules.uncounted().fullmatch(query.encode()):
        assert rules.target(f"/path?{query}") == "/path"


@pytest.mark.parametrize("query", [b"CMCD=bl%3D100%2Csid%3D%22x%22", b"token=x", b"CMCD="])
def test_what_players_send_counts_for_nothing_at_a_glance(query: bytes) -> None:
    assert KeyRules().uncounted().fullmatch(query)
    assert KeyRules(objects_only=True).uncounted().fullmatch(query)
