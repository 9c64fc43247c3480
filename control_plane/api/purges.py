"""Purges over HTTP: asked for, listed, and waited for."""

from aiohttp import hdrs, web

from common.messages import PurgeRequest, PurgeView
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import Number, Seconds, described
from control_plane.api.fleet import json_answer
from control_plane.api.queries import seconds, whole_number
from control_plane.api.versions import NotJson
from control_plane.purge import PurgeDesk
from control_plane.purge.desk import PurgeUnknown
from control_plane.purge.meaning import PurgeUnclear

MOST_PURGES = 100
"""Purges in one answer; each names every edge."""
LONGEST_WAIT = 60.0
"""Seconds."""


class PurgesApi:
    """Handlers for purges."""

    def __init__(self, desk: PurgeDesk, gatekeeper: Gatekeeper) -> None:
        self._desk = desk
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.post("/v1/purges", self.purge),
            web.get("/v1/purges", self.purges),
            web.get("/v1/purges/{purge_id}", self.purge_of),
        ]

    @described(
        Role.OPERATOR,
        body=PurgeRequest,
        answer=PurgeView,
        status=202,
        query={"wait": Seconds},
        refuses=[NotJson, PurgeUnclear],
    )
    async def purge(self, request: web.Request) -> web.Response:
        """Purges on every edge; with ``wait``, answers once all have, or when that is over."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        wait = seconds(request, "wait", most=LONGEST_WAIT)
        asked = await read_message(request, PurgeRequest, limit=16 * KIBIBYTE)
        record = await self._desk.purge(asked, by=credential.name)
        answer = json_answer(await self._desk.done(record, within=wait), status=202)
        answer.headers[hdrs.LOCATION] = f"/v1/purges/{record.purge_id}"
        return answer

    @described(Role.OPERATOR, answer=list[PurgeView], query={"limit": Number})
    async def purges(self, request: web.Request) -> web.Response:
        """The newest purges."""
        self._gatekeeper.require(request, Role.OPERATOR)
        limit = min(whole_number(request, "limit", otherwise=20), MOST_PURGES)
        return json_answer(await self._desk.latest(limit=limit))

    @described(Role.OPERATOR, answer=PurgeView, query={"wait": Seconds}, refuses=[PurgeUnknown])
    async def purge_of(self, request: web.Request) -> web.Response:
        """How far a purge is; with ``wait``, once all have done it, or when that is over."""
        self._gatekeeper.require(request, Role.OPERATOR)
        wait = seconds(request, "wait", most=LONGEST_WAIT)
        record = await self._desk.find(request.match_info["purge_id"])
        return json_answer(await self._desk.done(record, within=wait))
