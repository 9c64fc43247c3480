"""``/v1/explain``: tells an operator where a client would be sent, step by step why."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from common.errors import NearcastError
from common.messages import ExplainedStep, ExplanationView
from common.service import Gatekeeper, Role
from control_plane.api.describing import IpAddress, described
from control_plane.api.fleet import json_answer
from control_plane.api.play import ranked_edges
from control_plane.api.queries import AddressInvalid, address_asked
from control_plane.library import AssetUnknown
from control_plane.router import NoEdgeLeft, Router
from control_plane.routing import Region, Viewer
from control_plane.routing.asked import FIELDS, PARAMETERS, bounded

ALSO_CALLED: Final = {"ua": "user-agent", "cmcd": "CMCD"}
"""Short names of parameters."""


ASKED: Final[Mapping[str, Any]] = {
    "ip": IpAddress,
    "asset": Annotated[str, msgspec.Meta(min_length=1)],
    **dict.fromkeys(("ua", "cmcd", "profile", "max_height", "codecs", *FIELDS), str),
}
"""The parameters of a query."""


class NoAsset(NearcastError):
    """`asset` has to name an asset."""

    status = 400


class ExplainApi:
    """The handler of ``/v1/explain``."""

    def __init__(self, router: Router, regions: Sequence[Region], gatekeeper: Gatekeeper) -> None:
        self._router = router
        self._regions = regions
        self._gatekeeper = gatekeeper

    def routes(self) -> list[web.RouteDef]:
        """Where the handler is."""
        return [web.get("/v1/explain", self.explain)]

    @described(
        Role.OPERATOR,
        answer=ExplanationView,
        query=ASKED,
        needs=["ip", "asset"],
        refuses=[AddressInvalid, NoAsset, AssetUnknown, NoEdgeLeft],
    )
    async def explain(self, request: web.Request) -> web.Response:
        """Where a client would be sent; of whom a policy keeps from the asset, or has get it from
        elsewhere, that, and where it would be sent otherwise.

        ``ip`` is its address, ``asset`` what it asks for, ``ua`` its User-Agent. Every other field
        that counts may be given by its name, such as ``save-data`` or ``save_data``, and every
        parameter of ``/play``.

        Raises:
            AddressInvalid: ``ip`` is none.
            NoAsset: there is no ``asset``.
        """
        self._gatekeeper.require(request, Role.OPERATOR)
        asset_id = request.query.get("asset", "")
        if not asset_id:
            raise NoAsset
        viewer = self._viewer(request)
        route, steps = self._router.explained(asset_id, viewer)
        view = ExplanationView(
            asset_id=route.package.asset_id,
            version=route.package.version,
            client=str(viewer.address),
            profile=route.chosen.profile.value,
            steps=tuple(ExplainedStep(step.name, step.told) for step in steps),
            edges=ranked_edges(route, self._regions),
        )
        return json_answer(view)

    def _viewer(self, request: web.Request) -> Viewer:
        given = {ALSO_CALLED.get(name, name): text for name, text in request.query.items()}
        fields = {name.lower().replace("_", "-"): text for name, text in given.items()}
        known = self._router.viewer_at(address_asked(request))
        return Viewer(
            address=known.address,
            place=known.place,
            estimate=known.estimate,
            fields=bounded(fields, FIELDS),
            query=bounded(given, PARAMETERS),
        )
