"""A decision in words."""

from ipaddress import ip_address

import pytest

from common.messages import Profile
from control_plane.routing import (
    Bandwidth,
    Chosen,
    Device,
    DeviceKind,
    EdgeFacts,
    Location,
    Place,
    Region,
    Route,
    Serving,
    Told,
    Turn,
    Viewer,
    explain,
    reasons,
)
from control_plane.routing.policy import Judged, Verdict
from tests.unit.control_plane.records import announcement

REGIONS = (
    Region("eu", "Europe", 50.11, 8.68),
    Region("us", "North America", 39.04, -77.49),
)
SENT = "It is sent to"
OTHERWISE = "What follows is how it would be routed if it were allowed."
BERLIN = Place(Location(52.52, 13.4, "Berlin, DE"), country="DE", asn=64500)


def edge(name: str, *, holds: bool = True, **facts: object) -> EdgeFacts:
    return EdgeFacts(name, name[:2], f"https://{name}", holds, **facts)  # type: ignore[arg-type]  # the test names fields of several types


def test_reasons_tell_holding_place_and_turn() -> None:
    ranked = [edge("eu-1"), edge("eu-2", holds=False), edge("us-1")]

    assert reasons(ranked, REGIONS, BERLIN) == [
        (
            "holds the version; Europe is 423 km from Berlin, DE; "
            "number 1 in its region by rendezvous hash"
        ),
        (
            "healthy, but has to fetch the version; Europe is 423 km from Berlin, DE; "
            "number 2 in its region by rendezvous hash"
        ),
        (
            "holds the version; North America is 6727 km from Berlin, DE; "
            "number 1 in its region by rendezvous hash"
        ),
    ]


def test_reasons_tell_of_zones_and_of_the_operators_order() -> None:
    (reason,) = reasons([edge("us-1")], REGIONS, Place())
    assert "the client's place is unknown, North America is number 2 in the operator's" in reason
    (reason,) = reasons([edge("us-1")], REGIONS, Place(zone="campus", regions=("us", "eu")))
    assert "North America is number 1 of the zone campus" in reason


def test_reasons_tell_of_health_and_load() -> None:
    told = reasons(
        [edge("eu-1", share=0.25, load=0.9, turn=Turn.LEAVES), edge("us-1", turn=Turn.FULL)],
        REGIONS,
        BERLIN,
    )

    assert told[0].endswith(
        "it takes a part of its viewers now, and leaves this one to others; "
        "its health lets it have 25% of its viewers; its load is 90%"
    )
    assert told[1].endswith("its region is full and leaves this viewer to others")


def test_every_step_is_told() -> None:
    serving = Serving()
    serving.update([Told("eu-1", "eu", "https://eu-1", load=0.5, bandwidth=1e9)], 0.0)
    route = Route(
        package=announcement(),
        viewer=Viewer(ip_address("192.0.2.1"), BERLIN),
        edges=[edge("eu-1", load=0.5)],
        entry="v/a/1/data-saver.m3u8",
        chosen=Chosen(Profile.DATA_SAVER, "the client asks to save data"),
        device=Device(DeviceKind.PHONE, "Pixel 8, Android 14", frozenset({"avc1"}), 720),
        network=Bandwidth(rate=2.5e6, source="its browser says so", save_data=True),
    )
    told = {step.name: step.told for step in explain(route, REGIONS, serving.regions)}

    assert told == {
        "address": "The client's address is 192.0.2.1.",
        "zone": "It is in no coverage zone.",
        "place": "It is in Berlin, DE (52.52, 13.40). Its country is DE. Its network is AS64500.",
        "policy": "No policy says anything of it.",
        "regions": "Regions come by distance. eu, 423 km away: 1 edge, load 50%. "
        "us, 6727 km away: no edge takes viewers.",
        "device": "It is a phone (Pixel 8, Android 14) that plays avc1 and shows up to 720 lines.",
        "bandwidth": "Its network carries 2.50 Mbit/s: its browser says so. It asks to save data.",
        "profile": "The playlist is data-saver: the client asks to save data.",
        "edge": "It is sent to eu-1: holds the version; Europe is 423 km from Berlin, DE; "
        "number 1 in its region by rendezvous hash; its load is 50%.",
    }


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (
            Verdict(Judged.ALLOWED, "nothing in it is against this address"),
            "It is allowed by the policy assets/a: nothing in it is against this address.",
        ),
        (
            Verdict(Judged.DENIED, "it is so"),
            f"It is denied by the policy assets/a: it is so. {OTHERWISE}",
        ),
        (
            Verdict(Judged.DENIED, "it is so", "https://x.example/no"),
            (
                "It is denied by the policy assets/a: it is so. "
                f"{SENT} https://x.example/no instead. {OTHERWISE}"
            ),
        ),
        (
            Verdict(Judged.BYPASSED, "it is so", "https://x.example/{version}/{path}"),
            (
                "It is bypassed by the policy assets/a: it is so. "
                f"{SENT} https://x.example/1/v/a/1/ts.m3u8 instead. {OTHERWISE}"
            ),
        ),
    ],
)
def test_the_policy_is_told_and_how_it_would_be_without(verdict: Verdict, told: str) -> None:
    route = Route(announcement(), Viewer(ip_address("::1")), [edge("eu-1")], "v/a/1/ts.m3u8")
    steps = {step.name: step.told for step in explain(route, REGIONS, {}, "assets/a", verdict)}

    assert steps["policy"] == told
    sent = "is" if verdict.judged is Judged.ALLOWED else "would be"
    assert steps["edge"].startswith(f"It {sent} sent to eu-1: ")


def test_what_is_not_known_is_told_so() -> None:
    route = Route(announcement(), Viewer(ip_address("::1")), [edge("eu-1")], "v/a/1/main.m3u8")
    told = {step.name: step.told for step in explain(route, REGIONS, {})}

    assert told["place"] == "No database tells where it is."
    assert told["device"] == "It is unknown."
    assert told["bandwidth"] == "Nobody knows what its network carries."
    assert told["regions"].startswith("Regions come by the operator's order.")


def test_regions_are_told_in_the_order_in_which_they_come() -> None:
    far_first = tuple(reversed(REGIONS))
    viewer = Viewer(ip_address("192.0.2.1"), Place(Location(52.52, 13.4, "Berlin, DE"), "DE"))
    route = Route(announcement(), viewer, [edge("eu-1")], "v/a/1/main.m3u8")
    told = {step.name: step.told for step in explain(route, far_first, {})}

    assert [word.strip(".") for word in told["regions"].split() if word in {"eu,", "us,"}] == [
        *("eu,", "us,")
    ]
