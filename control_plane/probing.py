"""Asking edges for what they say they hold, as viewers would.

Each control plane asks each edge every other second for the manifest of a package that the edge
says it holds whole, with only-if-cached (RFC 9111 §5.2.1.7), so that nothing but the edge can
answer; max-stale is added, because what it holds is asked about and not how fresh that is. Now and
then an object of the manifest is asked for too, over a connection that ends with it, so that the
next probe has to connect as a new viewer does. What comes is held against SHA-256 digests that the
edge has no say in. What was answered wrongly is asked for again until it comes out right.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Final

import aiohttp
import msgspec
from aiohttp import hdrs

from common import logs
from common.clock import Clock
from common.messages import (
    HeldPackage,
    MessageInvalid,
    PackageAnnouncement,
    PackageManifest,
    decode,
)
from common.service import TokenKeySettings
from common.signing import PathToken, mint
from control_plane.health import Probed

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a manifest or object that is asked for."""
MOST_OBJECTS: Final = 5_000
"""Objects of a package whose manifest is asked for: however long their names, that is within
``LARGEST``."""
CONSIDERED: Final = 4
"""Packages of which the one with the fewest objects is taken: its manifest is the smallest."""
SPOT_CHECK_EVERY: Final = 10
"""Probes of an edge between two that ask for an object of the manifest too."""
JITTER: Final = 0.25
"""Part of the time between two probes by which it varies, so that monitors do not meet."""
AWAY_AFTER: Final = 3
"""Failures in a row after which an edge is asked less often, so that many edges that let probes
wait do not keep the others from being asked."""
AWAY_EVERY: Final = 4
"""Times the usual pause, then."""
LOOK_EVERY: Final = 0.1
"""Seconds between looks at which edges are due."""
TOKEN_FOR: Final = 3600
"""Seconds that a path token is good for, clocks that differ included."""
PIECE: Final = 64 * 1024

_log = logs.get(__name__)


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How edges are asked for what they say they hold."""

    every: Annotated[
        float,
        msgspec.Meta(
            description="Time between two probes of an edge by this control plane.",
            ge=0.1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 2.0
    timeout: Annotated[
        float,
        msgspec.Meta(
            description="Time that an answer may take, connecting included.",
            ge=0.1,
            le=60,
            extra={"unit": "seconds"},
        ),
    ] = 2.0
    at_once: Annotated[
        int, msgspec.Meta(description="Edges that are asked at the same time.", ge=1, le=1024)
    ] = 64
    key: Annotated[
        TokenKeySettings | None,
        msgspec.Meta(
            description="A key of path tokens; needed where edges serve only who has one, unless "
            "tokens are issued here."
        ),
    ] = None


class Fault(StrEnum):
    """What an edge was caught at."""

    MISSING = "missing"
    """It does not hold what it says it holds."""
    WRONG = "wrong"
    """It serves other bytes than it should."""


@dataclass(frozen=True)
class Subject:
    """An edge that is probed."""

    edge_id: str
    url: str
    held: Sequence[HeldPackage]
    """What it last said it holds, whether that is believed or not."""


@dataclass(frozen=True)
class _Wanted:
    """An object that an edge is asked for."""

    asset_id: str
    version: str
    key: str
    sha256: str
    manifest: bool = True


class _Outcome(StrEnum):
    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    FAILED = "failed"
    """It answered, but with neither the object nor that it does not hold it."""
    SILENT = "silent"
    REFUSED = "refused"


@dataclass
class _Course:
    """How the probes of an edge go."""

    due: float
    probed: int = 0
    suspected: _Wanted | None = None
    """What was answered wrongly last time."""
    asked: asyncio.Task[None] | None = None


class Prober:
    """Probes every edge for ever, and knows how it found them."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        settings: ProbeSettings,
        *,
        signing: Callable[[], TokenKeySettings | None],
        subjects: Callable[[], Iterable[Subject]],
        announced: Callable[[str, str], PackageAnnouncement | None],
        noted: Callable[[str, Probed], None],
        caught: Callable[[str, Fault], None],
    ) -> None:
        """Knows whom to ask, and whom to tell.

        Args:
            session: without a credential: what is asked for is public, and edges get none.
            clock: its monotonic time is that of what was found.
            settings: how often, and how long answers may take.
            signing: the key that viewers' tokens are signed with; None for none.
            subjects: the edges.
            announced: the package of an asset's version; None when it is removed or not known.
            noted: is told how an edge was found.
            caught: is told of an edge whose holdings are not to be believed, and why.
        """
        self._session = session
        self._clock = clock
        self._settings = settings
        self._signing = signing
        self._subjects = subjects
        self._announced = announced
        self._noted = noted
        self._caught = caught
        self._chance = random.Random()  # noqa: S311 - which object it is need not be secret
        self._courses: dict[str, _Course] = {}
        self._found: dict[str, Probed] = {}

    @property
    def found(self) -> Mapping[str, Probed]:
        """How each edge was found last; edges that hold nothing are not asked."""
        return self._found

    async def run(self) -> None:
        """Probes for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    self._start(group)
                except Exception:
                    _log.exception("probes could not be started")
                await asyncio.sleep(LOOK_EVERY)

    def _start(self, group: asyncio.TaskGroup) -> None:
        """Starts the probes that are due, the longest overdue first."""
        now = self._clock.monotonic()
        subjects = {subject.edge_id: subject for subject in self._subjects()}
        for gone in self._courses.keys() - subjects.keys():
            del self._courses[gone]
            self._found.pop(gone, None)
        for edge_id in subjects.keys() - self._courses.keys():
            # The first, too, are spread: they would stay together for long.
            self._courses[edge_id] = _Course(now + self._chance.uniform(0, self._settings.every))
        free = self._settings.at_once
        due: list[tuple[float, str]] = []
        for edge_id, course in self._courses.items():
            if course.asked is not None and not course.asked.done():
                free -= 1
            elif course.due <= now:
                due.append((course.due, edge_id))
        for _, edge_id in sorted(due)[: max(0, free)]:
            course = self._courses[edge_id]
            course.due = now + self._pause(edge_id)
            course.asked = group.create_task(self._probe(subjects[edge_id], course))

    def _pause(self, edge_id: str) -> float:
        found = self._found.get(edge_id)
        times = AWAY_EVERY if found is not None and found.failures >= AWAY_AFTER else 1
        return self._settings.every * times * self._chance.uniform(1 - JITTER, 1 + JITTER)

    async def _probe(self, subject: Subject, course: _Course) -> None:
        """Asks an edge once. Never raises: no edge may keep the others from being asked."""
        try:
            wanted = self._suspected(subject, course) or self._chosen(subject)
            if wanted is None:
                return
            outcome, wanted = await self._ask_for(subject, course, wanted)
            self._note(subject.edge_id, course, wanted, outcome)
        except Exception:
            _log.exception("probe failed unexpectedly", edge=subject.edge_id)

    def _suspected(self, subject: Subject, course: _Course) -> _Wanted | None:
        """What was answered wrongly: wrong bytes whatever the edge says that it holds, and what is
        missing while it still says that it holds it. One that tells nothing may tell it again."""
        wanted, found = course.suspected, self._found.get(subject.edge_id)
        if wanted is None or (found is not None and found.wrong):
            return wanted
        if not subject.held:
            return None
        if not any(
            (held.asset_id, held.version) == (wanted.asset_id, wanted.version) and held.complete
            for held in subject.held
        ):
            course.suspected = wanted = None
        return wanted

    def _chosen(self, subject: Subject) -> _Wanted | None:
        """The manifest of one of a few packages that the edge says it holds whole."""
        some = self._chance.sample(subject.held, min(CONSIDERED, len(subject.held)))
        announced = [
            package
            for held in some
            if held.complete
            and (package := self._announced(held.asset_id, held.version)) is not None
            and package.object_count <= MOST_OBJECTS
        ]
        if not announced:
            return None
        package = min(announced, key=lambda each: each.object_count)
        return _Wanted(
            package.asset_id, package.version, package.manifest_key, package.manifest_sha256
        )

    async def _ask_for(
        self, subject: Subject, course: _Course, wanted: _Wanted
    ) -> tuple[_Outcome, _Wanted]:
        """What asking for an object, and now and then for another one, comes to, and of which."""
        course.probed += 1
        outcome, body = await self._ask(subject.url, wanted)
        spot = course.probed % SPOT_CHECK_EVERY == 0
        if outcome is not _Outcome.GOOD or not wanted.manifest or not spot:
            return outcome, wanted
        try:
            manifest = await asyncio.to_thread(decode, body, PackageManifest)
        except MessageInvalid:
            # It is what was announced, and so not the edge's fault.
            return outcome, wanted
        small = [item for item in manifest.objects if item.size <= LARGEST]
        if not small:
            return outcome, wanted
        item = self._chance.choice(small)
        other = replace(wanted, key=item.key, sha256=item.sha256, manifest=False)
        return (await self._ask(subject.url, other))[0], other

    async def _ask(self, url: str, wanted: _Wanted) -> tuple[_Outcome, bytes]:
        headers = {
            hdrs.CACHE_CONTROL: "only-if-cached, max-stale",
            hdrs.ACCEPT_ENCODING: "identity",
        }
        if not wanted.manifest:
            headers[hdrs.CONNECTION] = "close"
        try:
            async with self._session.get(
                f"{url.rstrip('/')}{self._path(wanted)}",
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
            ) as response:
                if response.status != 200:
                    missing = response.status == 504
                    return (_Outcome.MISSING if missing else _Outcome.FAILED), b""
                return await _judged(response, wanted)
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            return (_Outcome.REFUSED if refused else _Outcome.SILENT), b""
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            # The URL is the edge's own word: it may be none.
            return _Outcome.SILENT, b""

    def _path(self, wanted: _Wanted) -> str:
        key = self._settings.key or self._signing()
        if key is None:
            return f"/{wanted.key}"
        token = PathToken(key.key_id, f"/{wanted.key}", int(self._clock.now()) + TOKEN_FOR)
        return f"/t/{mint(token, key.secret)}/{wanted.key}"

    def _note(self, edge_id: str, course: _Course, wanted: _Wanted, outcome: _Outcome) -> None:
        if self._courses.get(edge_id) is not course:
            # It is no edge any more.
            return
        now = self._clock.monotonic()
        before = self._found.get(edge_id, Probed(now))
        silent = outcome in {_Outcome.SILENT, _Outcome.REFUSED}
        well = not silent and outcome is not _Outcome.FAILED
        again = course.suspected == wanted
        found = self._found[edge_id] = Probed(
            at=now,
            reached_at=before.reached_at if silent else now,
            failures=0 if well else before.failures + 1,
            refused=outcome is _Outcome.REFUSED,
            wrong=outcome is _Outcome.WRONG or (before.wrong and not well),
        )
        self._noted(edge_id, found)
        if not well:
            return
        course.suspected = wanted if outcome is not _Outcome.GOOD else None
        # What it does not hold it may have let go of a moment ago, and not told yet.
        if outcome is _Outcome.WRONG or (outcome is _Outcome.MISSING and again):
            fault = Fault.WRONG if outcome is _Outcome.WRONG else Fault.MISSING
            if not before.wrong:
                _log.warning("an edge was caught", edge=edge_id, fault=fault.value, key=wanted.key)
            self._caught(edge_id, fault)


async def _judged(response: aiohttp.ClientResponse, wanted: _Wanted) -> tuple[_Outcome, bytes]:
    """Whether what comes is what is wanted, and what comes of a manifest."""
    digest = hashlib.sha256()
    body = bytearray()
    size = 0
    async for piece in response.content.iter_chunked(PIECE):
        size += len(piece)
        if size > LARGEST:
            # An object that is wanted is smaller.
            return _Outcome.WRONG, b""
        digest.update(piece)
        if wanted.manifest:
            body += piece
    right = digest.hexdigest() == wanted.sha256
    return (_Outcome.GOOD if right else _Outcome.WRONG), bytes(body)
