"""Which edge is best for a client. Pure."""

from control_plane.routing.bandwidth import Bandwidth, bandwidth
from control_plane.routing.buckets import Buckets, bucket_key
from control_plane.routing.clients import Network, client_address, parse_networks
from control_plane.routing.decide import decide
from control_plane.routing.device import Agent, Device, DeviceKind, device
from control_plane.routing.estimates import Estimate
from control_plane.routing.explain import Step, explain, reasons
from control_plane.routing.place import NOWHERE, Place
from control_plane.routing.profile import Chosen, choose
from control_plane.routing.rank import EdgeFacts, Location, Region, Turn, region_order
from control_plane.routing.route import Bypass, Route, Viewer
from control_plane.routing.serving import Serving, ServingRegion, Told

__all__ = [
    "NOWHERE",
    "Agent",
    "Bandwidth",
    "Buckets",
    "Bypass",
    "Chosen",
    "Device",
    "DeviceKind",
    "EdgeFacts",
    "Estimate",
    "Location",
    "Network",
    "Place",
    "Region",
    "Route",
    "Serving",
    "ServingRegion",
    "Step",
    "Told",
    "Turn",
    "Viewer",
    "bandwidth",
    "bucket_key",
    "choose",
    "client_address",
    "decide",
    "device",
    "explain",
    "parse_networks",
    "reasons",
    "region_order",
]
