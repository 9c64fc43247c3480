"""Copying one package into a store: its objects, each held against the manifest, and that last.

While a package is copied, a mark in the store says so. A removal writes its own mark first and then
looks for this one; a copy writes this one first and then looks for that: at least one of the two
sees the other. A copy that sees it writes nothing, and a removal that sees it waits until the mark
is gone before it deletes for the last time. The mark of a copier that died goes when it is back.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from common.clock import Clock
from common.errors import NearcastError, Unavailable
from common.messages import ManifestObject, PackageManifest
from origin.replicas.layout import LARGEST_MANIFEST, ManifestWrong, VersionName, parse_manifest
from origin.replicas.pace import Pace
from origin.replicas.regions import FAILING, Region
from origin.store import (
    DigestMismatch,
    ObjectExists,
    ObjectStore,
    ObjectUnknown,
    is_removed,
    put_bytes,
)

_PARSED_ON_THE_LOOP: Final = 64 * 1024
_NO_BOUND: Final = Pace(0)


class VersionRemoved(NearcastError):
    """The version {version} of {asset} was removed, and is not copied."""

    status = 410


class PackageUnknown(NearcastError):
    """No store has a whole package of version {version} of {asset}."""

    status = 404


class ManifestsDiffer(NearcastError):
    """The stores {one} and {other} have different manifests under {key!r}."""

    status = 502


class ObjectWrong(NearcastError):
    """The object {key!r} in the store {store} is not what its manifest says: {reason}."""

    status = 502


class _SourceFailed(Exception):
    """The store that is read from broke off, not the one that is written to."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Copied:
    """What a copy wrote."""

    objects: int = 0
    bytes: int = 0
    mended: bool = False
    """Whether the package was there as a whole before, as its manifest said."""


@dataclass(frozen=True)
class ReadManifest:
    """A manifest, as it is in a store."""

    body: bytes
    manifest: PackageManifest


async def read_manifest(region: Region, name: VersionName) -> ReadManifest:
    """The manifest of ``name`` in the store of ``region``.

    Raises:
        ObjectUnknown: there is none.
        ManifestWrong: what is there is none.
        Unavailable: the store does not answer.
    """
    body = bytearray()
    async with contextlib.aclosing(region.store.read(name.manifest)) as pieces:
        async for piece in pieces:
            body += piece
            if len(body) > LARGEST_MANIFEST:
                raise ManifestWrong(key=name.manifest, store=region.name, reason="it is too large")
    if len(body) <= _PARSED_ON_THE_LOOP:
        return ReadManifest(bytes(body), parse_manifest(bytes(body), name, region.name))
    manifest = await asyncio.to_thread(parse_manifest, bytes(body), name, region.name)
    return ReadManifest(bytes(body), manifest)


async def digest_of(store: ObjectStore, listed: ManifestObject) -> tuple[int, str]:
    """The size of an object in bytes and its SHA-256, read up to a byte more than it should have.

    Raises:
        ObjectUnknown: there is none.
        Unavailable: the store does not answer.
    """
    digest, size = hashlib.sha256(), 0
    async with contextlib.aclosing(store.read(listed.key, 0, listed.size + 1)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(digest.update, piece)
            size += len(piece)
    return size, digest.hexdigest()


class Copier:
    """Copies packages into the store of one region."""

    def __init__(
        self,
        target: Region,
        sources: Sequence[Region],
        clock: Clock,
        *,
        name: str,
        objects_at_once: int = 8,
        pace: Pace = _NO_BOUND,
    ) -> None:
        """Copies into ``target``.

        Args:
            target: where to.
            sources: where from, the nearest first.
            clock: the time.
            name: its own name, which nobody else has who copies into ``target``.
            objects_at_once: objects that it copies at the same time, of all packages.
            pace: how fast.
        """
        self._target = target
        self._sources = tuple(sources)
        self._clock = clock
        self._name = name
        self._at_once = objects_at_once
        self._room = asyncio.Semaphore(objects_at_once)
        self._pace = pace

    async def copy(self, name: VersionName) -> Copied:
        """Has the target hold the package ``name`` whole; does what is left to be done.

        Raises:
            VersionRemoved: it was removed.
            PackageUnknown: nobody has it.
            ManifestsDiffer, ManifestWrong, ObjectWrong: the sources have something else.
            StorageFull: the target has no space left.
            Unavailable: a store does not answer.
        """
        mark = name.copying(self._name)
        store = self._target.store
        await put_bytes(store, mark, b"", content_type="text/plain")
        # One that is cancelled leaves the mark: what it has sent may still arrive.
        try:
            copied = await self._copy(name)
        except Exception:
            await store.delete(mark)
            raise
        await store.delete(mark)
        return copied

    async def _copy(self, name: VersionName) -> Copied:
        sources = [region for region in self._sources if not region.health.away]
        await self._require_kept(name, sources)
        held, useless = await self._held(name)
        source, found = await self._found(name, sources)
        if held is not None and found is not None and held.body != found.body:
            raise ManifestsDiffer(
                one=self._target.name, other=source.name if source else "", key=name.manifest
            )
        chosen = held or found
        if chosen is None:
            raise useless or self._unknown(name)
        # The store whose manifest it is has its objects most likely.
        order = sorted(sources, key=lambda region: region is not source)
        copied = Copied(mended=held is not None)
        await self._copy_objects(chosen.manifest, order, copied)
        if held is None and source is not None:
            await self._require_unchanged(name, source, chosen.body)
            if useless is not None:
                await self._target.store.delete(name.manifest)
            await put_bytes(
                self._target.store, name.manifest, chosen.body, content_type="application/json"
            )
            copied.bytes += len(chosen.body)
        return copied

    async def _require_kept(self, name: VersionName, sources: Sequence[Region]) -> None:
        if await is_removed(self._target.store, *name):
            raise VersionRemoved(asset=name.asset, version=name.version)
        for region in sources:
            with contextlib.suppress(Unavailable):
                if await region.ask(is_removed(region.store, *name), within=None):
                    raise VersionRemoved(asset=name.asset, version=name.version)

    async def _held(self, name: VersionName) -> tuple[ReadManifest | None, ManifestWrong | None]:
        """The target's own manifest, or why it is of no use."""
        try:
            return await read_manifest(self._target, name), None
        except ObjectUnknown:
            return None, None
        except ManifestWrong as error:
            return None, error

    async def _found(
        self, name: VersionName, sources: Sequence[Region]
    ) -> tuple[Region | None, ReadManifest | None]:
        wrong: ManifestWrong | None = None
        for region in sources:
            try:
                found = await region.ask(read_manifest(region, name), within=None)
            except ObjectUnknown:
                continue
            except ManifestWrong as error:
                wrong = wrong or error
            except FAILING:
                continue
            else:
                return region, found
        if wrong is not None:
            raise wrong
        return None, None

    def _unknown(self, name: VersionName) -> NearcastError:
        away = next((region for region in self._sources if region.health.failures), None)
        if away is not None:
            return Unavailable(what=f"the store {away.name}", reason=away.health.reason)
        return PackageUnknown(asset=name.asset, version=name.version)

    async def _copy_objects(
        self, manifest: PackageManifest, order: Sequence[Region], copied: Copied
    ) -> None:
        """Copies what is missing; when one cannot be copied, none is begun after it, unless the
        package is there already: then all that can be mended is."""
        rest = iter(manifest.objects)
        failures: list[Exception] = []
        hopeless = False

        async def work(rest: Iterator[ManifestObject]) -> None:
            nonlocal hopeless
            while not hopeless and (listed := next(rest, None)) is not None:
                async with self._room:
                    try:
                        await self._copy_object(listed, order, copied)
                    except Exception as error:
                        failures.append(error)
                        hopeless |= not (copied.mended and isinstance(error, ObjectWrong))

        # Each goes on to the end of its object: what was cut off might arrive after the mark went.
        await asyncio.gather(*(work(rest) for _ in range(self._at_once)))
        if failures:
            raise failures[0]

    async def _copy_object(
        self, listed: ManifestObject, order: Sequence[Region], copied: Copied
    ) -> None:
        trouble: NearcastError | None = None
        for region in order:
            try:
                size = await self._put(listed, region)
            except _SourceFailed as error:
                region.failed(error.error)
                trouble = trouble or Unavailable(
                    what=f"the store {region.name}", reason=region.health.reason
                )
            except ObjectUnknown:
                trouble = trouble or self._wrong(listed, region, "it is not there")
            except ObjectWrong as error:
                trouble = error
            else:
                if size is not None:
                    copied.objects += 1
                    copied.bytes += size
                return
        # Without a source, what is there already may be all there is to it.
        if trouble is None and await self._is_there(listed):
            return
        raise trouble or self._wrong(listed, self._target, "no other store can be asked")

    async def _is_there(self, listed: ManifestObject) -> bool:
        try:
            known = await self._target.store.head(listed.key)
        except ObjectUnknown:
            return False
        return known.size == listed.size and known.sha256 in {None, listed.sha256}

    async def _put(self, listed: ManifestObject, region: Region) -> int | None:
        """Writes an object as ``region`` has it; its size, None when it was there already."""
        read: list[int] = []
        try:
            await self._put_once(listed, region, read)
        except ObjectExists:
            # What the target has is of no use; but first there must be something better.
            try:
                size, sha256 = await digest_of(region.store, listed)
            except FAILING as error:
                raise _SourceFailed(error) from error
            if (size, sha256) != (listed.size, listed.sha256):
                raise self._wrong(listed, region, f"its SHA-256 is {sha256}") from None
            await self._target.store.delete(listed.key)
            await self._put_once(listed, region, read)
        return listed.size if read else None

    async def _put_once(self, listed: ManifestObject, region: Region, read: list[int]) -> None:
        async with contextlib.aclosing(self._pieces(listed, region, read)) as pieces:
            try:
                await self._target.store.put(
                    listed.key, pieces, content_type=listed.content_type, sha256=listed.sha256
                )
            except DigestMismatch as error:
                reason = f"its SHA-256 is {error.facts['actual']}"
                raise self._wrong(listed, region, reason) from error

    async def _pieces(
        self, listed: ManifestObject, region: Region, read: list[int]
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of an object, no faster than allowed and no more than it should have."""
        read.append(0)
        size = 0
        try:
            async with contextlib.aclosing(region.store.read(listed.key)) as pieces:
                async for piece in pieces:
                    size += len(piece)
                    if size > listed.size:
                        raise self._wrong(listed, region, f"it has more than {listed.size} bytes")
                    yield piece
                    await asyncio.sleep(self._pace.wait(len(piece), self._clock.monotonic()))
        except FAILING as error:
            raise _SourceFailed(error) from error
        if size < listed.size:
            raise self._wrong(listed, region, f"it has {size} bytes, not {listed.size}")

    def _wrong(self, listed: ManifestObject, region: Region, reason: str) -> ObjectWrong:
        return ObjectWrong(key=listed.key, store=region.name, reason=reason)

    async def _require_unchanged(self, name: VersionName, source: Region, body: bytes) -> None:
        """Makes sure that the source still has the manifest that the objects were copied by.

        Raises:
            PackageUnknown: it was deleted meanwhile.
            ManifestsDiffer: it is another one now.
        """
        try:
            now = await source.ask(read_manifest(source, name), within=None)
        except ObjectUnknown as error:
            raise PackageUnknown(asset=name.asset, version=name.version) from error
        if now.body != body:
            raise ManifestsDiffer(one=source.name, other=source.name, key=name.manifest)
