"""Who may watch, by a policy; and policies that contradict themselves."""

from ipaddress import ip_address
from typing import Any

import msgspec
import pytest

from common.errors import NearcastError
from common.messages import decode
from common.messages.policies import Policy
from control_plane.routing.place import Place
from control_plane.routing.policy import PolicyInvalid, PolicyRules, placed

ELSEWHERE = "https://other.example.org/{path}"


def judged(address: str = "192.0.2.1", country: str = "DE", **policy: Any) -> tuple[str, str]:
    verdict = PolicyRules(Policy(**policy)).judge(ip_address(address), Place(country=country))
    return verdict.judged.value, verdict.reason


def allowed(address: str = "192.0.2.1", country: str = "DE", **policy: Any) -> bool:
    return judged(address, country, **policy)[0] != "denied"


@pytest.mark.parametrize(
    ("policy", "country", "may"),
    [
        ({}, "DE", True),
        ({}, "", True),
        ({"allowed_countries": ("DE", "AT")}, "DE", True),
        ({"allowed_countries": ("DE", "AT")}, "FR", False),
        ({"allowed_countries": ("DE", "AT")}, "", False),
        ({"blocked_countries": ("FR",)}, "DE", True),
        ({"blocked_countries": ("FR",)}, "FR", False),
        ({"blocked_countries": ("FR",)}, "", True),
        ({"allowed_countries": ("DE",), "blocked_countries": ("FR",)}, "DE", True),
        ({"allowed_countries": ("DE",), "blocked_countries": ("FR",)}, "US", False),
    ],
)
def test_countries(policy: dict[str, Any], country: str, may: bool) -> None:
    assert allowed(country=country, **policy) == may


@pytest.mark.parametrize(
    ("policy", "address", "may"),
    [
        ({"blocked_networks": ("192.0.2.0/24",)}, "192.0.2.1", False),
        ({"blocked_networks": ("192.0.2.0/24",)}, "192.0.3.1", True),
        ({"blocked_networks": ("192.0.2.0/24",)}, "::ffff:192.0.2.1", False),
        ({"blocked_networks": ("192.0.2.0/24",)}, "2002:c000:201::1", False),
        ({"blocked_networks": ("2001:db8::/32",)}, "2001:db8::1", False),
        ({"allowed_networks": ("192.0.2.0/24",)}, "192.0.2.1", True),
        ({"allowed_networks": ("192.0.2.0/24",)}, "192.0.3.1", False),
        (
            {"allowed_networks": ("10.1.0.0/16",), "blocked_networks": ("10.0.0.0/8",)},
            "10.1.0.1",
            True,
        ),
        (
            {"allowed_networks": ("10.1.0.0/16",), "blocked_networks": ("10.0.0.0/8",)},
            "10.2.0.1",
            False,
        ),
        (
            {"allowed_networks": ("10.1.0.0/16",), "blocked_networks": ("10.0.0.0/8",)},
            "192.0.2.1",
            True,
        ),
        ({"allowed_countries": ("FR",), "allowed_networks": ("10.0.0.0/8",)}, "10.0.0.1", True),
        ({"allowed_countries": ("FR",), "allowed_networks": ("10.0.0.0/8",)}, "11.0.0.1", False),
        ({"blocked_countries": ("DE",), "allowed_networks": ("10.0.0.0/8",)}, "10.0.0.1", True),
        ({"blocked_countries": ("FR",), "allowed_networks": ("10.0.0.0/8",)}, "11.0.0.1", True),
        ({"allowed_countries": ("DE",), "blocked_networks": ("10.0.0.0/8",)}, "10.0.0.1", False),
    ],
)
def test_networks(policy: dict[str, Any], address: str, may: bool) -> None:
    assert allowed(address, **policy) == may


def test_it_is_told_why_somebody_may_not_watch() -> None:
    only: dict[str, Any] = {"allowed_countries": ("FR",)}

    assert judged(**only)[1] == "the country of this address, DE, is not among those allowed"
    assert judged(country="", **only)[1] == (
        "only some countries are allowed, and nobody knows the one of this address"
    )
    assert judged(blocked_countries=("DE",))[1] == "the country of this address, DE, is blocked"
    assert judged(blocked_networks=("0.0.0.0/0",))[1] == "the network of this address is blocked"
    assert judged(allowed_networks=("10.0.0.0/8",))[1] == "only some networks are allowed"


@pytest.mark.parametrize(
    ("policy", "result"),
    [
        ({}, "bypassed"),
        ({"bypass_countries": ("DE",)}, "bypassed"),
        ({"bypass_countries": ("FR",)}, "allowed"),
        ({"bypass_networks": ("192.0.2.0/24",)}, "bypassed"),
        ({"bypass_networks": ("10.0.0.0/8",)}, "allowed"),
        ({"bypass_networks": ("10.0.0.0/8",), "bypass_countries": ("DE",)}, "bypassed"),
        ({"blocked_countries": ("DE",)}, "denied"),
        ({"blocked_countries": ("DE",), "allowed_networks": ("192.0.2.0/24",)}, "bypassed"),
    ],
)
def test_who_may_watch_may_get_it_from_elsewhere(policy: dict[str, Any], result: str) -> None:
    assert judged(bypass_url=ELSEWHERE, **policy)[0] == result


def test_who_is_denied_is_sent_where_the_policy_says() -> None:
    rules = PolicyRules(
        Policy(blocked_countries=("DE",), deny_url="https://x.example/no", bypass_url=ELSEWHERE)
    )

    assert rules.judge(ip_address("::1"), Place(country="DE")).url == "https://x.example/no"
    assert rules.judge(ip_address("::1"), Place(country="FR")).url == ELSEWHERE


def test_what_stands_in_braces_is_put_in() -> None:
    url = "https://x.example/{path}?a={asset_id}&v={version}&b={{}}%2F"

    assert placed(url, path="v/a/1/main.m3u8", asset_id="a", version="1") == (
        "https://x.example/v/a/1/main.m3u8?a=a&v=1&b={}%2F"
    )


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            {"allowed_countries": ("DE", "FR"), "blocked_countries": ("FR",)},
            "The country FR is both allowed and blocked.",
        ),
        (
            {"allowed_networks": ("10.0.0.0/8",), "blocked_networks": ("::ffff:10.0.0.0/104",)},
            "The network 10.0.0.0/8 is both allowed and blocked.",
        ),
        (
            {"bypass_networks": ("10.0.0.1/8",), "bypass_url": ELSEWHERE},
            (
                "In bypass_networks, '10.0.0.1/8' has bits after its prefix: "
                "the network is 10.0.0.0/8."
            ),
        ),
        (
            {"bypass_countries": ("DE",)},
            "Who is to get the asset from elsewhere is listed, and no bypass_url says from where.",
        ),
        *(
            (
                {"bypass_url": f"https://x.example/{braces}"},
                (
                    f"'https://x.example/{braces}' has braces that mean nothing: in a bypass URL, "
                    "{path}, {asset_id}, {version} may stand in them, and in a deny URL nothing."
                ),
            )
            for braces in ("{", "}", "{}", "{0}", "{key}", "{path.x}", "{path[0]}", "{path:{path}}")
        ),
    ],
)
def test_what_contradicts_itself_is_told(policy: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        PolicyRules(Policy(**policy))

    assert (str(caught.value), caught.value.status) == (sentence, 422)


def test_nothing_is_put_into_a_deny_url() -> None:
    with pytest.raises(PolicyInvalid, match="braces that mean nothing"):
        PolicyRules(Policy(deny_url="https://x.example/{path}"))


@pytest.mark.parametrize(
    "policy",
    [
        {"allowed_countries": ["de"]},
        {"allowed_countries": ["DEU"]},
        {"allowed_countries": ["DE\n"]},
        {"allowed_countries": "DE"},
        {"allowed_countries": ["DE"] * 301},
        {"blocked_networks": ["10.0.0.0/8"] * 257},
        {"blocked_networks": ["1" * 65]},
        {"deny_url": "/no"},
        {"deny_url": "javascript:alert(1)"},
        {"deny_url": "https://x.example/\r\nSet-Cookie: a=b"},
        {"deny_url": "https://x.example/ a"},
        {"deny_url": "https://x.example/ü"},
        {"deny_url": "https://" + "x" * 2048},
        {"allow_countries": ["DE"]},
    ],
)
def test_what_is_no_policy_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(NearcastError, match="not a valid Policy"):
        decode(msgspec.json.encode(policy), Policy)
