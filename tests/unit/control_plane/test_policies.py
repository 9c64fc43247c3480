"""Which policy decides, over a real SQLite file."""

from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from common.messages import PackageAnnouncement
from common.messages.policies import Policy
from common.service import DatabaseSettings
from control_plane import policies as module
from control_plane.documents import open_documents
from control_plane.policies import (
    Policies,
    PolicyUnknown,
    RouteBypassed,
    RouteDenied,
    TooManyPolicies,
)
from control_plane.routing import Place, Viewer
from control_plane.routing.policy import FREE, Judged, PolicyInvalid
from tests.unit.control_plane.clock import Clock
from tests.unit.control_plane.records import announcement

VIEWER = Viewer(ip_address("192.0.2.1"), Place(country="DE"))
NO_GERMANS = Policy(blocked_countries=("DE",))
ELSEWHERE = Policy(bypass_url="https://other.example.org/{asset_id}/{version}?from={path}")


def entry(package: PackageAnnouncement, _: Viewer) -> str:
    return f"v/{package.asset_id}/1/ts.m3u8"


@pytest.fixture
async def policies(tmp_path: Path) -> AsyncIterator[Policies]:
    store = await open_documents(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    yield Policies(store, Clock())
    await store.close()


async def test_without_policies_everybody_may_watch(policies: Policies) -> None:
    policies.check(announcement(), VIEWER, entry)

    assert policies.judge(announcement(), VIEWER) == ("", FREE)


@pytest.mark.parametrize(
    ("names", "creator", "decides"),
    [
        (("default", "creators/ada", "assets/a"), "ada", "assets/a"),
        (("default", "creators/ada", "assets/b"), "ada", "creators/ada"),
        (("default", "creators/bob", "assets/b"), "ada", "default"),
        (("default", "creators/None"), None, "default"),
        (("creators/None",), None, ""),
        (("creators/ada",), None, ""),
    ],
)
async def test_the_most_special_policy_decides(
    policies: Policies, names: tuple[str, ...], creator: str | None, decides: str
) -> None:
    for name in names:
        await policies.tell(name, NO_GERMANS, by="ada")

    found, verdict = policies.judge(announcement("a", creator=creator), VIEWER)

    assert found == decides
    assert verdict.judged is (Judged.DENIED if decides else Judged.ALLOWED)


async def test_who_is_denied_or_sent_elsewhere_is_told_where(policies: Policies) -> None:
    await policies.tell("assets/a", NO_GERMANS, by="ada")
    await policies.tell("assets/b", ELSEWHERE, by="ada")

    with pytest.raises(RouteDenied) as denied:
        policies.check(announcement("a"), VIEWER, entry)
    assert "url" not in denied.value.facts
    with pytest.raises(RouteBypassed) as bypassed:
        policies.check(announcement("b", poster="v/b/1/p.jpg"), VIEWER, entry)
    assert bypassed.value.facts == {
        "asset_id": "b",
        "url": "https://other.example.org/b/1?from=v/b/1/ts.m3u8",
    }
    bypass = bypassed.value.bypass
    assert bypass.url(bypass.package.poster) == "https://other.example.org/b/1?from=v/b/1/p.jpg"
    assert bypass.url(bypass.package.preview) is None


async def test_policies_are_bounded_and_those_that_there_are_may_change(
    policies: Policies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_POLICIES", 1)
    await policies.tell("default", NO_GERMANS, by="ada")
    with pytest.raises(TooManyPolicies, match="There are 1 policies"):
        await policies.tell("assets/a", NO_GERMANS, by="ada")
    await policies.tell("default", ELSEWHERE, by="ada")

    assert [view.policy for view in policies.views()] == [ELSEWHERE]


async def test_what_contradicts_itself_is_not_taken(policies: Policies) -> None:
    with pytest.raises(PolicyInvalid):
        await policies.tell("default", Policy(bypass_countries=("DE",)), by="ada")

    assert policies.views() == []


async def test_a_policy_that_is_not_there_is_told(policies: Policies) -> None:
    with pytest.raises(PolicyUnknown):
        policies.view("default")
    with pytest.raises(PolicyUnknown):
        await policies.forget("default", by="ada")
