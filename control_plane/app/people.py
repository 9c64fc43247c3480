"""Accounts put together: opened, asked who presents a token, and answered for over HTTP."""

from contextlib import AsyncExitStack

from aiohttp import web

from common.service import Gatekeeper
from common.service.lookups import Identifying, TokenLookups
from control_plane.accounts import Accounts, open_accounts
from control_plane.api.channels import ChannelsApi
from control_plane.api.users import UsersApi
from control_plane.app.known import Known
from control_plane.app.running import running
from control_plane.settings import Settings


async def add_people(
    settings: Settings,
    known: Known,
    gatekeeper: Gatekeeper,
    application: web.Application,
    stack: AsyncExitStack,
) -> Accounts | None:
    """Has ``application`` know accounts and answer for them; None when the settings name none.

    Raises:
        SettingsInvalid: they name two databases, or one that is none.
    """
    if settings.accounts is None:
        return None
    accounts = await open_accounts(
        settings.accounts, known.clock, settings.ca, settings_edges=gatekeeper.valid_until
    )
    stack.push_async_callback(accounts.close)
    lookups = TokenLookups(accounts.find, known.clock)
    stack.push_async_callback(lookups.close)
    accounts.on_change = lookups.forget
    application.middlewares.append(Identifying(gatekeeper, lookups).middleware())
    for api in (
        UsersApi(accounts, gatekeeper, known.clock),
        ChannelsApi(accounts, gatekeeper),
    ):
        application.router.add_routes(api.routes())
    known.away_besides.append(accounts.away)
    known.watch.valid_until = accounts.edges.valid_until
    await stack.enter_async_context(running(accounts.run))
    return accounts
