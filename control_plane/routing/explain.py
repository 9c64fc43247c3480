"""A decision in words, for operators and whoever wonders. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from control_plane.routing.bandwidth import Bandwidth
from control_plane.routing.device import Device
from control_plane.routing.load import BEGINS, REGION_BEGINS
from control_plane.routing.place import Place
from control_plane.routing.policy import FREE, Judged, Verdict
from control_plane.routing.rank import EdgeFacts, Location, Region, Turn, distance, region_order
from control_plane.routing.route import Bypass, Route
from control_plane.routing.serving import ServingRegion


class Step(NamedTuple):
    """One step of a decision."""

    name: str
    told: str
    """A sentence or two."""


def explain(
    route: Route,
    regions: Sequence[Region],
    serving: Mapping[str, ServingRegion],
    policy: str = "",
    verdict: Verdict = FREE,
) -> list[Step]:
    """The steps by which ``route`` was found.

    Args:
        route: the decision.
        regions: every region, in the operator's order.
        serving: the regions that have edges which take viewers.
        policy: the name of the policy that decides whether the viewer may watch; empty for none.
        verdict: what it says; whatever that is, the steps after it are those of a viewer that may.
    """
    place = route.viewer.place
    return [
        Step("address", f"The client's address is {route.viewer.address}."),
        Step("zone", _zone(place)),
        Step("place", _place(place)),
        Step("policy", _policy(route, policy, verdict)),
        Step("regions", _regions(place, regions, serving)),
        Step("device", _device(route.device)),
        Step("bandwidth", _bandwidth(route.network)),
        Step("profile", f"The playlist is {route.chosen.profile.value}: {route.chosen.reason}."),
        Step("edge", _edge(route, regions, verdict)),
    ]


def reasons(ranked: Sequence[EdgeFacts], regions: Sequence[Region], client: Place) -> list[str]:
    """For each of the ``ranked`` edges, why it has its rank."""
    numbered = {region.name: (number, region) for number, region in enumerate(regions, start=1)}
    turns: Counter[str] = Counter()
    told: list[str] = []
    for edge in ranked:
        turns[edge.region] += 1
        number, region = numbered[edge.region]
        holding = "holds the version" if edge.holds else "healthy, but has to fetch the version"
        words = [holding, _where(region, number, client), _turn(edge, turns[edge.region])]
        if edge.share < 1:
            words.append(f"its health lets it have {edge.share:.0%} of its viewers")
        if edge.load > 0:
            words.append(f"its load is {edge.load:.0%}")
        told.append("; ".join(words))
    return told


def _where(region: Region, number: int, client: Place) -> str:
    if region.name in client.regions:
        turn = client.regions.index(region.name) + 1
        return f"{region.title} is number {turn} of the zone {client.zone}"
    if client.location is not None:
        away = distance(client.location, region)
        return f"{region.title} is {away:.0f} km from {client.location.name}"
    return (
        f"the client's place is unknown, {region.title} is number {number} in the operator's order"
    )


def _turn(edge: EdgeFacts, turn: int) -> str:
    if edge.turn is Turn.LEAVES:
        return "it takes a part of its viewers now, and leaves this one to others"
    if edge.turn is Turn.FULL:
        return "its region is full and leaves this viewer to others"
    return f"number {turn} in its region by rendezvous hash"


def _zone(place: Place) -> str:
    if not place.zone:
        return "It is in no coverage zone."
    if not place.regions:
        return f"It is in the coverage zone {place.zone}, which names no region."
    return f"It is in the coverage zone {place.zone}, which {' then '.join(place.regions)} serves."


def _place(place: Place) -> str:
    words: list[str] = []
    location = place.location
    if location is None:
        words.append("No database tells where it is.")
    else:
        words.append(f"It is in {location.name} ({_degrees(location)}).")
    if place.country:
        words.append(f"Its country is {place.country}.")
    if place.asn:
        words.append(f"Its network is AS{place.asn}.")
    return " ".join(words)


def _degrees(location: Location) -> str:
    return f"{location.latitude:.2f}, {location.longitude:.2f}"


def _policy(route: Route, policy: str, verdict: Verdict) -> str:
    if not policy:
        return "No policy says anything of it."
    told = f"It is {verdict.judged.value} by the policy {policy}: {verdict.reason}."
    if verdict.judged is Judged.ALLOWED:
        return told
    words = [told]
    if verdict.url is not None:
        url = verdict.url
        if verdict.judged is Judged.BYPASSED:
            url = Bypass(route.package, route.entry, url).play
        words.append(f"It is sent to {url} instead.")
    words.append("What follows is how it would be routed if it were allowed.")
    return " ".join(words)


def _regions(place: Place, regions: Sequence[Region], serving: Mapping[str, ServingRegion]) -> str:
    by = "distance" if place.location is not None else "the operator's order"
    if place.regions:
        by = f"the zone, then by {by}"
    named = {region.name: region for region in regions}
    order = region_order(regions, place.location, place.regions)
    words = [_region(named[name], place, serving.get(name)) for name in order]
    return f"Regions come by {by}. {' '.join(words)}"


def _region(region: Region, place: Place, serving: ServingRegion | None) -> str:
    away = f", {distance(place.location, region):.0f} km away" if place.location else ""
    if serving is None:
        return f"{region.name}{away}: no edge takes viewers."
    load = serving.load
    full = ", so that it leaves some viewers to others" if load > REGION_BEGINS else ""
    edges = len(serving.edges)
    plural = "" if edges == 1 else "s"
    return f"{region.name}{away}: {edges} edge{plural}, load {load:.0%}{full}."


def _device(device: Device) -> str:
    words = [f"It is a {device.kind.value}" if device.kind.value != "unknown" else "It is unknown"]
    if device.name:
        words.append(f"({device.name})")
    if device.codecs is not None:
        words.append(f"that plays {', '.join(sorted(device.codecs))}")
    if device.shows is not None:
        words.append(f"and shows up to {device.shows} lines")
    if device.only_h264:
        words.append("and shows HEVC and AV1 badly")
    if device.only_transport_stream:
        words.append("and knows no fragmented MP4")
    return f"{' '.join(words)}."


def _bandwidth(network: Bandwidth) -> str:
    words: list[str] = []
    if network.rate is None:
        words.append("Nobody knows what its network carries.")
    else:
        words.append(f"Its network carries {network.rate / 1e6:.2f} Mbit/s: {network.source}.")
    if network.save_data:
        words.append("It asks to save data.")
    return " ".join(words)


def _edge(route: Route, regions: Sequence[Region], verdict: Verdict) -> str:
    best = route.best
    (reason,) = reasons([best], regions, route.viewer.place)
    spills = ", and leaves more and more of its viewers to others" if best.load > BEGINS else ""
    sent = "is" if verdict.judged is Judged.ALLOWED else "would be"
    return f"It {sent} sent to {best.edge_id}: {reason}{spills}."
