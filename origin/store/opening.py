"""Opening the store that the settings name."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp

from common import logs
from common.errors import Unavailable
from common.service import new_client_session
from origin.store.folder import FolderStore
from origin.store.port import ObjectStore
from origin.store.s3 import S3Store
from origin.store.s3_direct import DirectUploads
from origin.store.s3_wire import S3Wire, load_model
from origin.store.settings import S3Settings, StoreSettings

_log = logs.get(__name__)


@contextlib.asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[ObjectStore]:
    """The store that ``settings`` name, while the block runs.

    What dead writers left behind is removed. An S3 server that does not answer is no error yet.

    Raises:
        SettingsInvalid: the folder or the file of CA certificates is of no use.
    """
    if settings.s3 is not None:
        async with _opened_s3(settings.s3) as store:
            yield store
    elif settings.folder is not None:
        yield await FolderStore.open(settings.folder)


def direct_uploads(store: ObjectStore) -> DirectUploads | None:
    """The way for clients to write into ``store`` themselves; None where there is none."""
    return store.direct if isinstance(store, S3Store) else None


@contextlib.asynccontextmanager
async def _opened_s3(settings: S3Settings) -> AsyncIterator[S3Store]:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
    model = await asyncio.to_thread(load_model)
    async with await new_client_session(settings.ca, timeout=timeout) as session:
        store = S3Store(S3Wire(session, settings, model))
        try:
            await store.free_abandoned(now=time.time())
        except Unavailable as error:
            _log.warning("the object store does not answer yet", error=str(error))
        yield store
