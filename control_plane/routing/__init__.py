"""Which edge is best for a client. Pure."""

from control_plane.routing.clients import Network, client_address, parse_networks
from control_plane.routing.estimates import Estimate
from control_plane.routing.place import NOWHERE, Place
from control_plane.routing.rank import EdgeFacts, Location, Region, rank_edges, reasons
from control_plane.routing.route import Route, Viewer

__all__ = [
    "NOWHERE",
    "EdgeFacts",
    "Estimate",
    "Location",
    "Network",
    "Place",
    "Region",
    "Route",
    "Viewer",
    "client_address",
    "parse_networks",
    "rank_edges",
    "reasons",
]
