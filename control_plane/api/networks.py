"""Operators ask over HTTP what is known of a client's network."""

from aiohttp import web

from common.messages.networks import NetworkView
from common.service import Gatekeeper, Role
from control_plane.api.describing import IpAddress, described
from control_plane.api.fleet import json_answer
from control_plane.api.queries import AddressInvalid, address_asked
from control_plane.networks import Networks


class NetworksApi:
    """Handlers for what edges tell of networks."""

    def __init__(self, networks: Networks, gatekeeper: Gatekeeper) -> None:
        self._networks = networks
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [web.get("/v1/networks", self.network)]

    @described(
        Role.OPERATOR,
        answer=NetworkView,
        query={"ip": IpAddress},
        needs=["ip"],
        refuses=[AddressInvalid],
    )
    async def network(self, request: web.Request) -> web.Response:
        """What is known of the network of the address ``ip``.

        Raises:
            AddressInvalid: it is none.
        """
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._networks.view(address_asked(request)))
