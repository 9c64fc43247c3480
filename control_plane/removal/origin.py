"""Having the origin delete what is removed, until it has and every edge has confirmed it too.

What there is to do stands in the catalog alone: any control plane may begin it, die, and another
goes on; two that do it at once do it twice, which is the same.
"""

import asyncio
import contextlib
from typing import Final

import aiohttp

from common import logs
from common.clock import Clock
from common.errors import NearcastError
from common.messages import MessageInvalid, PrefixDeletion, decode
from control_plane.catalog import Catalog, Removal
from control_plane.fleet import Fleet
from control_plane.library import Library
from control_plane.removal.orders import is_done, prefixes

LOOK_EVERY: Final = 1.0
"""Seconds between looks for what others have ordered or confirmed."""
FIRST_PAUSE: Final = 0.5
"""Seconds before the origin is asked again when it fails."""
LONGEST_PAUSE: Final = 30.0
"""Seconds that the pause, doubled at each failure, grows to."""
ANSWER_WITHIN: Final = aiohttp.ClientTimeout(total=60, connect=5)
"""Seconds that the origin gets for one answer: it deletes for some ten of them at most."""
LONGEST_ANSWER: Final = 64 * 1024

_log = logs.get(__name__)


class OriginNotGiven(NearcastError):
    """Nothing can be removed: the control plane's settings have no table [origin]."""

    status = 501


class OriginFailed(NearcastError):
    """The origin does not delete what is removed: {reason}."""


class Remover:
    """Carries removals out at the origin, and finishes them."""

    def __init__(
        self,
        catalog: Catalog,
        library: Library,
        fleet: Fleet,
        clock: Clock,
        origin: tuple[aiohttp.ClientSession, str] | None,
    ) -> None:
        """``origin`` is what to ask it with, and its URL; None when nobody said where it is."""
        self._catalog = catalog
        self._library = library
        self._fleet = fleet
        self._clock = clock
        self._origin = origin
        self._woken = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._not_before = 0.0
        self._failed: dict[str, float] = {}
        """When the origin last failed at each removal."""
        self.trouble: str | None = None
        """Why the origin does not come on; None while it does."""

    def check(self) -> None:
        """Does nothing when it can carry removals out.

        Raises:
            OriginNotGiven: the settings do not say where the origin is.
        """
        if self._origin is None:
            raise OriginNotGiven

    def wake(self) -> None:
        """Says that there is something to do now."""
        self._woken.set()

    async def run(self) -> None:
        """Carries out what is open, for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._woken.wait()
            self._woken.clear()
            try:
                await self._carry_out()
            except NearcastError as error:
                # The catalog is away, which the fleet's refresh tells.
                _log.info("removals wait", reason=str(error))
            except Exception:
                # Whatever it was, it must not be the end of removing.
                _log.exception("removals could not be carried out")

    async def _carry_out(self) -> None:
        if not self._library.removals:
            return
        await self._library.refresh_removals()
        removals = self._library.removals
        self._failed = {each.removal_id: self._failed.get(each.removal_id, 0) for each in removals}
        # One at which it always fails does not hold up the others.
        for removal in sorted(removals, key=lambda each: self._failed[each.removal_id]):
            if removal.emptied_at is None:
                await self._empty(removal)
            # Edges that could not be read yet have confirmed nothing.
            elif self._fleet.fresh and is_done(removal, self._edges()):
                await self._catalog.finish_removal(removal.removal_id, self._clock.now())
                _log.info("removed everywhere", removal=removal.removal_id, asset=removal.asset_id)
                self.wake()

    def _edges(self) -> list[str]:
        return [record.edge_id for record in self._fleet.edges()]

    async def _empty(self, removal: Removal) -> None:
        """Has the origin delete what ``removal`` names, unless it has just failed."""
        if self._clock.monotonic() < self._not_before:
            return
        try:
            for prefix in prefixes(removal):
                if not await self._delete(removal, prefix):
                    # A large one does not hold up the others.
                    self.wake()
                    return
        except OriginFailed as error:
            if self.trouble is None:
                _log.warning("removals wait for the origin", reason=str(error))
            self.trouble = str(error)
            self._failed[removal.removal_id] = self._clock.monotonic()
            self._not_before = self._clock.monotonic() + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            return
        self.trouble, self._pause = None, FIRST_PAUSE
        await self._catalog.confirm_origin(removal.removal_id, 0, self._clock.now())
        self.wake()

    async def _delete(self, removal: Removal, prefix: str) -> bool:
        """Has the origin delete for a while; whether nothing is left.

        Raises:
            OriginFailed: it does not.
        """
        deletion = await self._ask(prefix)
        if deletion.deleted:
            await self._catalog.confirm_origin(removal.removal_id, deletion.deleted, None)
        return deletion.empty

    async def _ask(self, prefix: str) -> PrefixDeletion:
        if self._origin is None:
            raise OriginFailed(reason=str(OriginNotGiven()).rstrip("."))
        session, url = self._origin
        try:
            async with session.delete(
                f"{url.rstrip('/')}/{prefix}/", timeout=ANSWER_WITHIN, allow_redirects=False
            ) as answer:
                body = await answer.content.read(LONGEST_ANSWER)
                if answer.status != 200:
                    raise OriginFailed(reason=f"it answers {answer.status}")
                return decode(body, PrefixDeletion)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OriginFailed(reason=str(error) or type(error).__name__) from error
        except MessageInvalid as error:
            raise OriginFailed(reason=str(error).rstrip(".")) from error
