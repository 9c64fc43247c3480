"""Which edge is best for a client. Pure."""

from control_plane.routing.clients import Network, client_address, parse_networks
from control_plane.routing.rank import EdgeFacts, Location, Region, rank_edges, reasons

__all__ = [
    "EdgeFacts",
    "Location",
    "Network",
    "Region",
    "client_address",
    "parse_networks",
    "rank_edges",
    "reasons",
]
