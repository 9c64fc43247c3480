"""What viewers ask, put together."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from common.errors import SettingsInvalid
from common.service import Gatekeeper
from control_plane.api.explain import ExplainApi
from control_plane.api.express import ExpressConnection, ExpressLane
from control_plane.api.floods import Floods
from control_plane.api.play import PlayApi
from control_plane.app.known import Known
from control_plane.app.networks import estimate
from control_plane.app.running import running
from control_plane.devices import Devices
from control_plane.metadata.plays import PlayCounts
from control_plane.minting import Minter
from control_plane.places import Places
from control_plane.router import Router
from control_plane.routing import Network, parse_networks
from control_plane.settings import Settings
from control_plane.token_keys import TokenKeys


async def open_keys(settings: Settings, known: Known, stack: AsyncExitStack) -> TokenKeys | None:
    """The keys of viewers' tokens, until ``stack`` ends; None where they get none.

    Raises:
        SettingsInvalid: they are none.
    """
    if settings.tokens is None:
        return None
    keys = await asyncio.to_thread(TokenKeys, settings.tokens)
    known.away_besides.append(keys.away)
    await stack.enter_async_context(running(keys.run))
    return keys


async def open_router(
    settings: Settings, known: Known, keys: TokenKeys | None, stack: AsyncExitStack
) -> Router:
    """What decides where viewers go, until ``stack`` ends.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        GeoDatabaseUnusable: a GeoIP database is missing or broken.
    """
    coverage = known.told.coverage
    places = await asyncio.to_thread(
        Places, settings.geoip, settings.geoip_asn, lambda: coverage.table
    )
    devices = await asyncio.to_thread(Devices)
    minter = None
    if settings.tokens is not None and keys is not None:
        minter = Minter(settings.tokens, known.clock, keys.signing)
    coverage.folder.on_change(places.forget)
    known.away_besides.append(places.away)
    await stack.enter_async_context(running(places.run))
    router = Router(
        known.library,
        known.fleet,
        known.watch,
        known.clock,
        devices,
        places,
        known.told.policies,
        _trusted(settings),
        minter,
    )
    estimate(router, known.networks, known.registry)
    return router


def viewer_apis(
    known: Known, router: Router, floods: Floods, gatekeeper: Gatekeeper
) -> tuple[PlayApi | ExplainApi, ...]:
    """What answers viewers, and operators who ask about them."""
    regions = known.fleet.rules.regions
    return (
        PlayApi(router, regions, floods, known.metrics),
        ExplainApi(router, regions, gatekeeper),
    )


def express(
    known: Known, router: Router, floods: Floods, plays: PlayCounts
) -> Callable[..., asyncio.Protocol]:
    """What makes connections that have an express lane to ``PlayApi``'s redirections."""
    return partial(
        ExpressConnection, ExpressLane(router, floods, known.clock, known.metrics, plays.played)
    )


def _trusted(settings: Settings) -> tuple[Network, ...]:
    try:
        return parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise SettingsInvalid(
            file="settings", key="trusted_proxies", expected=f"expected networks: {error}"
        ) from error
