"""Operators tell over HTTP who may watch what, and who gets it from elsewhere."""

from typing import Final

from aiohttp import web

from common.messages.packages import IDENTIFIER_PATTERN
from common.messages.policies import Policy, PolicyView
from common.service import Gatekeeper, Role
from control_plane.api.bodies import KIBIBYTE, read_message
from control_plane.api.describing import described
from control_plane.api.fleet import json_answer
from control_plane.api.versions import NotJson
from control_plane.policies import DEFAULT, Policies, PolicyUnknown, TooManyPolicies
from control_plane.routing.policy import PolicyInvalid

POLICIES: Final = "/v1/policies"
NAMED: Final = (
    f"{POLICIES}/{DEFAULT}",
    f"{POLICIES}/creators/{{creator:{IDENTIFIER_PATTERN}}}",
    f"{POLICIES}/assets/{{asset_id:{IDENTIFIER_PATTERN}}}",
)
"""Where each policy is."""


class PoliciesApi:
    """Handlers for policies."""

    def __init__(self, policies: Policies, gatekeeper: Gatekeeper) -> None:
        self._policies = policies
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are."""
        return [
            web.get(POLICIES, self.policies),
            *(web.get(path, self.policy) for path in NAMED),
            *(web.put(path, self.tell) for path in NAMED),
            *(web.delete(path, self.forget) for path in NAMED),
        ]

    @described(Role.OPERATOR, answer=list[PolicyView])
    async def policies(self, request: web.Request) -> web.Response:
        """All policies, by name."""
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._policies.views())

    @described(Role.OPERATOR, answer=PolicyView, refuses=[PolicyUnknown])
    async def policy(self, request: web.Request) -> web.Response:
        """One policy.

        Raises:
            PolicyUnknown: there is none.
        """
        self._gatekeeper.require(request, Role.OPERATOR)
        return json_answer(self._policies.view(_name(request)))

    @described(
        Role.OPERATOR,
        body=Policy,
        answer=PolicyView,
        refuses=[NotJson, PolicyInvalid, TooManyPolicies],
    )
    async def tell(self, request: web.Request) -> web.Response:
        """A policy holds from now on and after restarts, in place of the one of its name."""
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        if request.content_type != "application/json":
            # A form on another site's page, which a browser sends with its password, cannot be.
            raise NotJson
        policy = await read_message(request, Policy, limit=32 * KIBIBYTE)
        told = await self._policies.tell(_name(request), policy, by=credential.name)
        return json_answer(told)

    @described(Role.OPERATOR, refuses=[PolicyUnknown])
    async def forget(self, request: web.Request) -> web.Response:
        """A policy holds no more.

        Raises:
            PolicyUnknown: there is none.
        """
        credential = self._gatekeeper.require(request, Role.OPERATOR)
        await self._policies.forget(_name(request), by=credential.name)
        return web.Response(status=204)


def _name(request: web.Request) -> str:
    """Of the policy that a request is about."""
    return request.path.removeprefix(f"{POLICIES}/")
