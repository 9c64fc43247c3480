"""What viewers ask, put together."""

import asyncio

from common.errors import SettingsInvalid
from control_plane.app.known import Known
from control_plane.app.networks import estimate
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
    minter = Minter(settings.tokens, known.clock) if settings.tokens is not None else None
    router = Router(
        known.library, known.watch, known.fleet.rules.regions, geography, _trusted(settings), minter
    )
    estimate(router, known.networks, known.registry)
    return router


def _trusted(settings: Settings) -> tuple[Network, ...]:
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsInvalid(
            file="settings", key="trusted_proxies", expected=f"expected networks: {error}"
        ) from error
