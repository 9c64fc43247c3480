"""What names mean, and what is said of them."""

import dns.message
import dns.name
import msgspec
import pytest
from dns.rcode import Rcode
from dns.rdatatype import RdataType

from common.errors import SettingsInvalid
from common.settings import check
from control_plane.dns.answer import Answer, render
from control_plane.dns.query import Query, Question, read
from control_plane.dns.settings import DnsSettings, NameServerSettings
from control_plane.dns.zone import Apex, Elsewhere, Label, NameServer, Nothing, Zone, host_of
from tests.unit.control_plane.dns.packets import ZONE, asked, edge, settings

ADDRESSED = [
    edge("eu-1", "https://192.0.2.1:8443"),
    edge("eu-2", "https://[2001:db8::2]"),
    edge("eu-3", "https://192.0.2.3"),
    edge("us-1", "https://198.51.100.1"),
    edge("eu-4", "https://192.0.2.4"),
    edge("eu-5", "https://192.0.2.5"),
    edge("eu-6", "https://192.0.2.6", holds=False),
]


@pytest.fixture
def zone() -> Zone:
    return Zone(settings())


def query(name: str, kind: str = "A") -> tuple[Query, Question]:
    found = read(asked(name, kind))
    assert found is not None
    assert found.question is not None
    return found, found.question


def said(asking: Query, answer: Answer) -> list[str]:
    """The lines of an answer's records, without their owner and class."""
    told = dns.message.from_wire(render(asking, answer, most=65535))
    return [
        " ".join(line.split()[1:2] + line.split()[3:])
        for section in (told.answer, told.authority)
        for records in section
        for line in records.to_text().splitlines()
    ]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("PLAY.example.org", Apex()),
        ("aB_-1.Play.example.org", Label("ab_-1")),
        ("ns1.play.example.org", NameServer(("192.0.2.53", "2001:db8::53"))),
        ("b.a.play.example.org", Nothing()),
        ("\\200.play.example.org", Nothing()),
        ("example.org", Elsewhere()),
        ("xplay.example.org", Elsewhere()),
        ("ns2.example.net", Elsewhere()),
        (".", Elsewhere()),
    ],
)
def test_a_name_means_one_thing(zone: Zone, name: str, meaning: object) -> None:
    assert zone.meaning(dns.name.from_text(name)) == meaning


def test_what_stands_above_a_server_is_there() -> None:
    deep = NameServerSettings(name=f"ns1.dns.{ZONE}", addresses=("192.0.2.53",))
    zone = Zone(settings(name_servers=(deep,)))

    assert zone.meaning(dns.name.from_text(f"dns.{ZONE}")) == NameServer(())
    assert zone.meaning(dns.name.from_text(f"dns2.{ZONE}")) == Label("dns2")


def test_the_zone_tells_of_itself(zone: Zone) -> None:
    asking, question = query(ZONE, "SOA")
    answer = zone.of_itself(question)
    assert answer is not None
    assert said(asking, answer) == [
        "10 SOA ns1.play.example.org. hostmaster.example.org. 1 3600 600 86400 10"
    ]

    asking, question = query(ZONE, "NS")
    answer = zone.of_itself(question)
    assert answer is not None
    assert said(asking, answer) == ["3600 NS ns1.play.example.org.", "3600 NS ns2.example.net."]
    told = dns.message.from_wire(render(asking, answer, most=512))
    assert [str(each) for each in told.additional] == [
        "ns1.play.example.org. 3600 IN A 192.0.2.53",
        "ns1.play.example.org. 3600 IN AAAA 2001:db8::53",
    ]


@pytest.mark.parametrize(
    ("kind", "lines"),
    [("A", ["3600 A 192.0.2.53"]), ("AAAA", ["3600 AAAA 2001:db8::53"])],
)
def test_a_server_has_addresses(zone: Zone, kind: str, lines: list[str]) -> None:
    asking, question = query("ns1.play.example.org", kind)
    server = zone.meaning(question.name)
    assert isinstance(server, NameServer)

    assert said(asking, zone.of_server(question, server)) == lines


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("A", ["20 A 192.0.2.1", "20 A 192.0.2.3", "20 A 192.0.2.4"]),
        ("AAAA", ["20 AAAA 2001:db8::2"]),
        ("ANY", ['3600 HINFO "RFC8482" ""']),
        ("HTTPS", ["10 SOA ns1.play.example.org. hostmaster.example.org. 1 3600 600 86400 10"]),
        ("TYPE65280", ["10 SOA ns1.play.example.org. hostmaster.example.org. 1 3600 600 86400 10"]),
    ],
)
def test_edges_with_addresses_are_told_with_others_of_their_region(
    zone: Zone, kind: str, lines: list[str]
) -> None:
    asking, question = query(f"a.{ZONE}", kind)

    assert said(asking, zone.of_edges(question, ADDRESSED)) == lines


def test_who_would_have_to_fetch_is_not_told_beside_who_holds(zone: Zone) -> None:
    asking, question = query(f"a.{ZONE}")
    ranked = [ADDRESSED[0], ADDRESSED[-1]]

    assert said(asking, zone.of_edges(question, ranked)) == ["20 A 192.0.2.1"]


@pytest.mark.parametrize("kind", ["A", "AAAA", "TXT", "CNAME", "ANY"])
def test_the_best_edge_with_a_name_is_an_alias_alone(zone: Zone, kind: str) -> None:
    asking, question = query(f"a.{ZONE}", kind)
    ranked = [edge("eu-7", "https://eu-7.example.net:8443"), *ADDRESSED]

    answer = zone.of_edges(question, ranked)
    assert said(asking, answer) == ["20 CNAME eu-7.example.net."]
    assert answer.tailored


def test_names_behind_the_best_edge_are_passed_over(zone: Zone) -> None:
    asking, question = query(f"a.{ZONE}")
    ranked = [ADDRESSED[0], edge("eu-7", "https://eu-7.example.net"), ADDRESSED[2]]

    assert said(asking, zone.of_edges(question, ranked)) == ["20 A 192.0.2.1", "20 A 192.0.2.3"]


def test_the_zones_own_name_is_never_an_alias(zone: Zone) -> None:
    asking, question = query(ZONE)
    named = edge("eu-7", "https://eu-7.example.net")

    assert said(asking, zone.of_edges(question, [named, ADDRESSED[0]], alias=False)) == [
        "20 A 192.0.2.1"
    ]
    nothing = zone.of_edges(question, [named], alias=False)
    assert (nothing.rcode, nothing.answers) == (Rcode.NOERROR, ())
    assert nothing.authority[0].kind == RdataType.SOA


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Eu-1.example.net:8443/x", "eu-1.example.net."),
        ("https://192.0.2.1:8443", "192.0.2.1"),
        ("https://[2001:db8::1]:8443", "2001:db8::1"),
        (f"https://{'x' * 64}.example.net", "None"),
        (f"https://{'x.' * 130}net", "None"),
        ("https://", "None"),
        ("https://a..b", "None"),
        ("https://[::1", "None"),
    ],
)
def test_an_edges_url_has_an_address_or_a_name(url: str, host: str) -> None:
    assert str(host_of(url)) == host


def test_an_edge_below_the_zone_would_be_an_alias_of_nothing(zone: Zone) -> None:
    asking, question = query(f"a.{ZONE}")
    answer = zone.of_edges(question, [edge("eu-1", f"https://eu-1.{ZONE}"), ADDRESSED[0]])

    assert said(asking, answer) == ["20 A 192.0.2.1"]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"zone": "a b"}, "zone"),
        ({"zone": f"{'x' * 64}.org"}, "zone"),
        ({"addresses": ["localhost"]}, "settings"),
        ({"name_servers": [{"name": "ns1", "addresses": ["here"]}]}, "name_servers[0]"),
        ({"name_servers": []}, "name_servers"),
        ({"contact": "nobody"}, "contact"),
        ({"port": 0}, "port"),
    ],
)
def test_settings_that_are_none_are_told(changes: dict[str, object], key: str) -> None:
    document = msgspec.to_builtins(settings())
    with pytest.raises(SettingsInvalid) as told:
        check({**document, **changes}, DnsSettings, source="control.toml")

    assert told.value.facts["key"] == key
