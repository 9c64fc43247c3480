"""What viewers ask, put together."""

import asyncio

from common.errors import SettingsInvalid
from common.service import Gatekeeper
from control_plane.api.explain import ExplainApi
from control_plane.api.floods import Floods
from control_plane.api.play import PlayApi
from control_plane.api.steer import SteerApi
from control_plane.app.known import Known
from control_plane.app.networks import estimate
from control_plane.devices import Devices
from control_plane.geoip import GeoDatabase
from control_plane.minting import Minter
from control_plane.router import Router
from control_plane.routing import Network, parse_networks
from control_plane.settings import Settings


async def open_router(settings: Settings, known: Known) -> Router:
    """What decides where viewers go.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        GeoDatabaseUnusable: the GeoIP database is missing or broken.
    """
    geography = (
        await asyncio.to_thread(GeoDatabase, settings.geoip) if settings.geoip is not None else None
    )
    devices = await asyncio.to_thread(Devices)
    minter = Minter(settings.tokens, known.clock) if settings.tokens is not None else None
    router = Router(
        known.library,
        known.fleet,
        known.watch,
        known.clock,
        devices,
        geography,
        _trusted(settings),
        minter,
    )
    estimate(router, known.networks, known.registry)
    return router


def viewer_apis(
    settings: Settings, known: Known, router: Router, gatekeeper: Gatekeeper
) -> tuple[PlayApi | ExplainApi | SteerApi, ...]:
    """What answers viewers, and operators who ask about them."""
    regions = known.fleet.rules.regions
    return (
        PlayApi(router, regions, Floods(settings.play, known.clock), known.metrics),
        ExplainApi(router, regions, gatekeeper),
        SteerApi(router, known.metrics),
    )


def _trusted(settings: Settings) -> tuple[Network, ...]:
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsInvalid(
            file="settings", key="trusted_proxies", expected=f"expected networks: {error}"
        ) from error
