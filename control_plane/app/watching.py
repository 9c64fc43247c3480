"""What there is to watch, put together: metadata, search and the feed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from common.errors import NearcastError
from common.service import Credential, Gatekeeper
from control_plane.accounts import Accounts
from control_plane.api.assets import AssetsApi
from control_plane.api.feed import FeedApi
from control_plane.app.known import Known
from control_plane.app.running import LAST_WRITES_WITHIN, running
from control_plane.catalog import Asset
from control_plane.feed.feed import Feed
from control_plane.feed.popular import Popular
from control_plane.feed.standing import follow_library
from control_plane.feed.timelines import Timelines
from control_plane.metadata import MetadataStore, open_metadata
from control_plane.metadata.cache import MemoryCache, MetadataCache
from control_plane.metadata.editing import Editor
from control_plane.metadata.indexing import Indexer
from control_plane.metadata.plays import PlayCounts
from control_plane.metadata.reading import MetadataReader
from control_plane.metadata.redis_cache import RedisCache
from control_plane.router import Router
from control_plane.settings import Settings


@dataclass(frozen=True)
class Watching:
    """The parts, once they are open."""

    known: Known
    store: MetadataStore
    cache: MetadataCache
    metadata: MetadataReader
    indexer: Indexer
    plays: PlayCounts
    timelines: Timelines
    popular: Popular

    def add_to(
        self,
        application: web.Application,
        router: Router,
        gatekeeper: Gatekeeper,
        accounts: Accounts | None,
    ) -> None:
        """Has the application answer for assets and the feed, and count plays."""
        known = self.known
        follows = accounts.channels_followed_by if accounts is not None else _no_follows

        feed = FeedApi(
            Feed(self.timelines, self.popular, self.metadata, router, follows),
            router,
            partial(_user, gatekeeper),
        )
        assets = AssetsApi(
            known.library,
            known.views,
            self.timelines,
            self.popular,
            self.store,
            self.metadata,
            Editor(self.store, self.cache, known.clock),
            self.indexer,
            gatekeeper,
            _is_theirs,
        )
        application.router.add_routes([*assets.routes(), *feed.routes()])
        application.on_response_prepare.append(feed.allow_any_origin)
        application.on_response_prepare.append(self.plays.count)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps all of it up to date while the block runs, and writes down what is left."""
        async with running(self.indexer.run), running(self.popular.run), running(self.plays.run):
            yield
        with suppress(NearcastError, TimeoutError):
            async with asyncio.timeout(LAST_WRITES_WITHIN):
                await self.plays.save()


async def watching(settings: Settings, known: Known, stack: AsyncExitStack) -> Watching:
    """What there is to watch in what is known; closed with ``stack``.

    Raises:
        SettingsInvalid: a setting cannot be carried out.
        Unavailable: the database does not answer, and there is no snapshot.
    """
    store = await open_metadata(settings.database, later=settings.snapshot is not None)
    stack.push_async_callback(store.close)
    cache: MetadataCache
    if settings.redis is not None:
        cache = RedisCache(settings.redis, known.clock)
    else:
        cache = MemoryCache(known.clock)
    stack.push_async_callback(cache.close)
    timelines = Timelines()
    await follow_library(timelines, known.library)
    return Watching(
        known,
        store,
        cache,
        MetadataReader(store, cache),
        Indexer(store, cache, known.library),
        PlayCounts(store),
        timelines,
        Popular(known.demand.most_watched),
    )


def _user(gatekeeper: Gatekeeper, request: web.Request) -> str | None:
    """Whose feed it is: everybody's, where no account asks, or none can be asked about."""
    try:
        credential = gatekeeper.identify(request)
    except NearcastError as error:
        if error.status != 503:
            raise
        return None
    return credential.user_id if credential is not None else None


async def _no_follows(_: str) -> tuple[str, ...]:
    return ()


def _is_theirs(credential: Credential, asset: Asset) -> bool:
    """Whether an asset is a publisher's: of an account, what its channels have published; a
    credential of the settings publishes for all."""
    if credential.user_id is None:
        return True
    return asset.current.announcement.creator in credential.channels
