"""Answers packets: finds out what they ask, and where the router would send the client."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from dns.edns import EDECode
from dns.rcode import Rcode
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType
from prometheus_client import CollectorRegistry, Counter

from common import logs
from common.errors import NearcastError
from control_plane.dns.answer import Answer, render, truncated
from control_plane.dns.names import AssetNames
from control_plane.dns.query import Query, Question, read
from control_plane.dns.zone import Apex, Elsewhere, Label, NameServer, Nothing, Zone
from control_plane.library import AssetUnknown
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Viewer

TRANSFERS: Final = frozenset({RdataType.AXFR, RdataType.IXFR})
CLASSES: Final = frozenset({RdataClass.IN, RdataClass.ANY})

_log = logs.get(__name__)


class Responder:
    """Knows the zone and the router. It touches no disk and waits for nobody."""

    def __init__(
        self, zone: Zone, names: AssetNames, router: Router, registry: CollectorRegistry
    ) -> None:
        self._zone = zone
        self._names = names
        self._router = router
        self._counter = Counter(
            "nearcast_dns_answers",
            "DNS queries by the answer's code.",
            ["rcode"],
            registry=registry,
        )
        self._counts = {
            rcode: self._counter.labels(rcode.name)
            for rcode in (
                Rcode.NOERROR,
                Rcode.FORMERR,
                Rcode.SERVFAIL,
                Rcode.NXDOMAIN,
                Rcode.NOTIMP,
                Rcode.REFUSED,
                Rcode.BADVERS,
            )
        }
        self._dropped = self._counter.labels("none")
        self._cut = self._counter.labels("truncated")
        self._warned = False

    def respond(
        self, packet: bytes, peer: IPv4Address | IPv6Address, most: Callable[[Query], int]
    ) -> bytes | None:
        """The packet that answers ``packet``; None for none.

        Args:
            packet: what came in.
            peer: the address from which.
            most: octets that the answer to a query may have.
        """
        query = read(packet)
        if query is None:
            self._dropped.inc()
            return None
        try:
            answer = self._answer(query, peer)
            packet = render(query, answer, most=most(query))
        except Exception:
            # Whatever it was, the next query is to be answered.
            _log.exception("a DNS query could not be answered")
            answer = Answer(Rcode.SERVFAIL)
            packet = render(query, answer, most=most(query))
        self._counts[answer.rcode].inc()
        return packet

    def cut(self, packet: bytes) -> bytes | None:
        """What has the client ask over TCP; None for what gets no answer."""
        query = read(packet)
        if query is None:
            self._dropped.inc()
            return None
        self._cut.inc()
        return truncated(query, query.rcode)

    def drop(self) -> None:
        """Says nothing."""
        self._dropped.inc()

    def _answer(self, query: Query, peer: IPv4Address | IPv6Address) -> Answer:
        question = query.question
        if query.rcode is not Rcode.NOERROR or question is None:
            return Answer(query.rcode, authoritative=False)
        if question.kind in TRANSFERS or question.kind_class not in CLASSES:
            return self._zone.refused()
        return self._found(query, question, peer)

    def _found(self, query: Query, question: Question, peer: IPv4Address | IPv6Address) -> Answer:
        """What is to be said of a name."""
        subnet = query.edns.subnet if query.edns is not None else None
        client = (subnet.client if subnet is not None else None) or peer
        match self._zone.meaning(question.name):
            case Elsewhere():
                return self._zone.refused()
            case Apex():
                return self._zone.of_itself(question) or self._anywhere(question, client)
            case NameServer() as server:
                return self._zone.of_server(question, server)
            case Label(text):
                return self._asset(question, text, client)
            case Nothing():
                return self._zone.no_such_name()

    def _asset(self, question: Question, label: str, client: IPv4Address | IPv6Address) -> Answer:
        """Where an asset is played from."""
        asset_id = self._names.meant(label)
        if asset_id is None:
            return self._zone.no_such_name()
        try:
            route = self._router.route(asset_id, self._viewer(client))
        except AssetUnknown:
            return self._zone.no_such_name()
        except NoEdgeLeft:
            return self._no_edge()
        except NearcastError as error:
            if error.status >= 500:
                return self._no_edge()
            # A policy. Refused, resolvers would take this server for none of the zone's.
            return self._zone.no_such_name(EDECode.PROHIBITED, tailored=True)
        return self._zone.of_edges(question, route.edges)

    def _anywhere(self, question: Question, client: IPv4Address | IPv6Address) -> Answer:
        """Where the zone's own name is: an edge with an address that takes viewers."""
        edges = self._router.anywhere(self._viewer(client))
        if not edges:
            return self._no_edge()
        answer = self._zone.of_edges(question, edges, alias=False)
        if not answer.answers and not self._warned:
            self._warned = True
            _log.warning(
                "the zone's own name has no address of this type: no edge's URL has one",
                zone=str(self._zone.apex),
                type=RdataType.to_text(question.kind),
            )
        return answer

    def _viewer(self, client: IPv4Address | IPv6Address) -> Viewer:
        return self._router.viewer_at(client)

    def _no_edge(self) -> Answer:
        """Nobody can say now: resolvers ask again within seconds, and may go on with what they were
        told before (RFC 8767)."""
        return Answer(Rcode.SERVFAIL, why=EDECode.NOT_READY)
