"""Operators order over HTTP what an edge has to do."""

from aiohttp import web

from common.messages import StandingRequest, StandingView
from common.messages.packages import IDENTIFIER_PATTERN
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import described
from control_plane.api.fleet import json_answer
from control_plane.api.versions import NotJson
from control_plane.fleet import EdgeUnknown, Fleet
from control_plane.standing import Standings

STANDING = f"/v1/edges/{{edge_id:{IDENTIFIER_PATTERN}}}/standing"


class StandingApi:
    """Handlers for operators' orders."""

    def __init__(self, fleet: Fleet, standings: Standings, gatekeeper: Gatekeeper) -> None:
        self._fleet = fleet
        self._standings = standings
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [web.put(STANDING, self.order)]

    @described(
        Role.OPERATOR, body=StandingRequest, answer=StandingView, refuses=[NotJson, EdgeUnknown]
    )
    async def order(self, request: web.Request) -> web.Response:
        """An edge has to drain, to be left alone or to serve, from now on and after restarts.

        Raises:
            EdgeUnknown: it was never heard of.
        """
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        asked = await read_message(request, StandingRequest, limit=4 * KIBIBYTE)
        edge_id = request.match_info["edge_id"]
        if self._fleet.edge(edge_id) is None:
            raise EdgeUnknown(edge_id=edge_id)
        ordered = await self._standings.order(
            edge_id, asked.standing, by=credential.name, reason=asked.reason
        )
        return json_answer(ordered.view)
