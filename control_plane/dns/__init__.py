"""The route as an authoritative DNS answer, for players that cannot follow redirects."""

from control_plane.dns.responder import Responder
from control_plane.dns.server import serving
from control_plane.dns.settings import DnsSettings

__all__ = ["DnsSettings", "Responder", "serving"]
