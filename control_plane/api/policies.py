"""Operators tell over HTTP who may watch what, and who gets it from elsewhere."""

from typing import Final

from aiohttp import web

from common.messages.packages import IDENTIFIER_PATTERN
from common.messages.policies import Policy
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.fleet import json_answer
from control_plane.api.versions import NotJson
from control_plane.policies import Policies

POLICY: Final = f"/v1/policies/{{name:default|(?:creators|assets)/{IDENTIFIER_PATTERN}}}"


class PoliciesApi:
    """Handlers for policies."""

    def __init__(self, policies: Policies, gatekeeper: Gatekeeper) -> None:
        self._policies = policies
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.get("/v1/policies", self.policies),
            web.get(POLICY, self.policy),
            web.put(POLICY, self.tell),
            web.delete(POLICY, self.forget),
        ]

    async def policies(self, request: web.Request) -> web.Response:
        """All policies, by name."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._policies.views())

    async def policy(self, request: web.Request) -> web.Response:
        """One policy.

        Raises:
            PolicyUnknown: there is none.
        """
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._policies.view(request.match_info["name"]))

    async def tell(self, request: web.Request) -> web.Response:
        """A policy holds from now on and after restarts, in place of the one of its name."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        policy = await read_message(request, Policy, limit=32 * KIBIBYTE)
        name = request.match_info["name"]
        return json_answer(await self._policies.tell(name, policy, by=credential.name))

    async def forget(self, request: web.Request) -> web.Response:
        """A policy holds no more.

        Raises:
            PolicyUnknown: there is none.
        """
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        await self._policies.forget(request.match_info["name"], by=credential.name)
        return web.Response(status=204)
