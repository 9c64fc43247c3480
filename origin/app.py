"""The origin: an object store, answered to edges over HTTP. Composes the role from its parts."""

import asyncio
from typing import Annotated

import msgspec
from aiohttp import web

from common import logs, metrics
from common.clock import SystemClock
from common.errors import NearcastError
from common.service import (
    CredentialSettings,
    Gatekeeper,
    Listener,
    ListenSettings,
    LogLevel,
    add_health_routes,
    listening,
    problem_middleware,
)
from origin.deliver import Delivery
from origin.remove import Deletion
from origin.store import ObjectStore, ObjectUnknown, StoreSettings, open_store

_PROBE = "readyz"

_log = logs.get(__name__)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the origin."""

    listen: Annotated[
        ListenSettings,
        msgspec.Meta(description="Where edges reach the origin, and where it tells its health."),
    ]
    store: Annotated[
        StoreSettings,
        msgspec.Meta(
            description="Where the objects are, the same store that ingest writes to: give either "
            "a folder or a table [store.s3]."
        ),
    ]
    credentials: Annotated[
        tuple[CredentialSettings, ...],
        msgspec.Meta(
            description="Who may read objects: one credential with the role edge for each edge; "
            "and who may delete versions: the control plane's, with the role control.",
            min_length=1,
        ),
    ]
    log_level: LogLevel = "info"


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Delivers objects until ``stop`` is set, then lets answers in flight finish.

    Raises:
        SettingsInvalid: the store or a certificate is of no use.
        PortTaken: another program has the port.
    """
    async with open_store(settings.store) as store:
        application = build(settings, store)
        async with listening([Listener(application, settings.listen)]):
            _log.info("origin ready", host=settings.listen.host, port=settings.listen.port)
            await stop.wait()


def build(settings: Settings, store: ObjectStore) -> web.Application:
    """The origin's application over ``store``."""
    registry = metrics.new_registry()

    async def ready() -> dict[str, str]:
        try:
            await store.head(_PROBE)
        except ObjectUnknown:
            pass
        except NearcastError as error:
            return {"store": str(error)}
        return {}

    application = web.Application(middlewares=[problem_middleware])
    gatekeeper = Gatekeeper(settings.credentials)
    clock = SystemClock()
    Delivery(store, gatekeeper, clock, registry).add_routes(application)
    Deletion(store, gatekeeper, clock).add_routes(application)
    add_health_routes(application, registry, ready)
    return application
