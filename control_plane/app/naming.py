"""The DNS answers, put together."""

from contextlib import AsyncExitStack

from control_plane.app.known import Known
from control_plane.dns import Responder, serving
from control_plane.dns.names import AssetNames
from control_plane.dns.zone import Zone
from control_plane.router import Router
from control_plane.settings import Settings


async def name(settings: Settings, known: Known, router: Router, stack: AsyncExitStack) -> None:
    """Answers DNS, where the settings ask for it, until ``stack`` is closed.

    Raises:
        PortTaken: another program has the port.
        SettingsInvalid: an address is not this machine's, or the port needs a privilege.
    """
    if settings.dns is None:
        return
    names = AssetNames(known.library)
    responder = Responder(Zone(settings.dns), names, router, known.registry)
    await stack.enter_async_context(serving(settings.dns, responder, known.clock))
