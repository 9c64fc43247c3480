"""Holding all stores against the manifests and against each other, and repairing what is wrong."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from common.clock import Clock
from common.errors import NearcastError
from common.messages import ManifestObject
from origin.remove import delete_all
from origin.replicas.checking import Finding, Flaw, flaws_of
from origin.replicas.copying import (
    Copier,
    ObjectWrong,
    ReadManifest,
    digest_of,
    read_manifest,
)
from origin.replicas.layout import CHECK, COPYING, ManifestWrong, VersionName, copier_of
from origin.replicas.pace import Pace
from origin.replicas.regions import Region, Regions
from origin.replicas.survey import Listed, side_by_side
from origin.store import ObjectUnknown, is_removed, mark_removed


@dataclass(slots=True)
class Totals:
    """What a check has looked at and found."""

    versions: int = 0
    objects: int = 0
    """As the manifests name them, in each store that should have them."""
    flaws: int = 0
    """But for objects that are there and need not be."""
    repaired: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, and what became of it."""

    finding: Finding
    repaired: bool = False
    trouble: str | None = None
    """Why it could not be repaired, in one sentence."""


@dataclass(slots=True)
class _Package:
    """A version while it is looked at."""

    name: VersionName
    held: dict[str, Listed]
    """What each store holds, by the name of its region."""
    manifests: dict[str, ReadManifest] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def find(self, region: Region, flaw: Flaw, key: str | None = None) -> None:
        """Notes what is wrong."""
        self.findings.append(Finding(region.name, flaw, key or self.name.prefix))


class Audit:
    """Looks at every version in every store, once."""

    def __init__(
        self,
        regions: Regions,
        clock: Clock,
        *,
        deep: bool = False,
        repair: bool = False,
        rate: int = 0,
        looked: Callable[[], None] = lambda: None,
    ) -> None:
        """Looks at ``regions``.

        Args:
            regions: the stores.
            clock: the time.
            deep: whether every byte is read and its SHA-256 computed.
            repair: whether what is wrong is put right.
            rate: bits per second that are copied at most; 0 for no bound.
            looked: called after each version.
        """
        self._regions = regions
        self._clock = clock
        self._deep = deep
        self._repair = repair
        self._looked = looked
        self._copiers = {
            region.name: Copier(
                region,
                [other for other in regions.all if other is not region],
                clock,
                name=CHECK,
                pace=Pace(rate),
            )
            for region in regions.all
        }
        self.totals = Totals()

    async def run(self) -> AsyncGenerator[Told, None]:
        """Everything that is wrong.

        Raises:
            Unavailable: a store does not answer.
        """
        if self._repair:
            await self._forget_dead()
        stores = [region.store for region in self._regions.all]
        async with contextlib.aclosing(side_by_side(stores)) as found:
            async for name, row in found:
                held = {
                    region.name: listed
                    for region, listed in zip(self._regions.all, row, strict=True)
                    if listed is not None
                }
                for told in await self._look_at(_Package(name, held)):
                    self.totals.flaws += told.finding.flaw is not Flaw.EXTRA
                    self.totals.repaired += told.repaired
                    yield told
                self._looked()

    async def _forget_dead(self) -> None:
        """Takes away the marks of a check that was killed."""
        for region in self._regions.all:
            async with contextlib.aclosing(region.store.list(COPYING)) as found:
                marks = [each.key async for each in found]
            for key in marks:
                if (mark := copier_of(key)) is not None and mark[1] == CHECK:
                    await region.store.delete(key)

    async def _look_at(self, package: _Package) -> Sequence[Told]:
        whole = [one for one in self._regions.all if self._is_whole(package, one)]
        if len(whole) < len(self._regions.all) and await self._was_removed(package.name):
            return await self._finish_removal(package)
        if not whole:
            # Nobody has said yet that it is one.
            return ()
        self.totals.versions += 1
        await self._read_manifests(package, whole)
        chosen = next(
            (package.manifests[one.name] for one in whole if one.name in package.manifests), None
        )
        if chosen is not None:
            for region in self._regions.all:
                await self._look_into(package, region, chosen)
        return await self._mended(package, chosen)

    def _is_whole(self, package: _Package, region: Region) -> bool:
        listed = package.held.get(region.name)
        return listed is not None and listed.whole

    async def _was_removed(self, name: VersionName) -> bool:
        for region in self._regions.all:
            if await is_removed(region.store, *name):
                return True
        return False

    async def _read_manifests(self, package: _Package, whole: Sequence[Region]) -> None:
        for region in whole:
            try:
                package.manifests[region.name] = await read_manifest(region, package.name)
            except ManifestWrong:
                package.find(region, Flaw.BAD_MANIFEST, package.name.manifest)
            except ObjectUnknown:
                # Gone since it was listed: the next check sees why.
                continue

    async def _look_into(self, package: _Package, region: Region, chosen: ReadManifest) -> None:
        listed = package.held.get(region.name)
        if listed is None or not listed.whole:
            package.find(region, Flaw.NO_PACKAGE)
            return
        own = package.manifests.get(region.name)
        if own is None:
            return
        if own.body != chosen.body:
            package.find(region, Flaw.OTHER_MANIFEST, package.name.manifest)
            return
        self.totals.objects += len(own.manifest.objects)
        flaws = flaws_of(region, own.manifest, listed.sizes, deep=self._deep)
        async with contextlib.aclosing(flaws) as found:
            package.findings += [finding async for finding in found]
        named = {package.name.manifest, *(one.key for one in own.manifest.objects)}
        for key in sorted(listed.sizes.keys() - named):
            package.find(region, Flaw.EXTRA, key)

    async def _mended(self, package: _Package, chosen: ReadManifest | None) -> Sequence[Told]:
        told: list[Told] = []
        for region in self._regions.all:
            findings = [one for one in package.findings if one.store == region.name]
            left = [one for one in findings if one.flaw in {Flaw.EXTRA, Flaw.OTHER_MANIFEST}]
            flaws = [one for one in findings if one not in left]
            told += await self._tried(package.name, region, flaws, chosen)
            told += map(Told, left)
        return told

    async def _tried(
        self,
        name: VersionName,
        region: Region,
        flaws: Sequence[Finding],
        chosen: ReadManifest | None,
    ) -> list[Told]:
        """Repairs what can be, if it is to be."""
        if not flaws or not self._repair:
            return [*map(Told, flaws)]
        try:
            await self._mend(name, region, flaws, chosen)
        except NearcastError as error:
            left = await self._left(region, flaws, chosen)
            return [
                Told(one, trouble=_trouble(error, one))
                if one.key in left
                else Told(one, repaired=True)
                for one in flaws
            ]
        return [Told(one, repaired=True) for one in flaws]

    async def _left(
        self, region: Region, flaws: Sequence[Finding], chosen: ReadManifest | None
    ) -> set[str]:
        """The keys of what is still wrong after a repair that failed."""
        keys = {one.key for one in flaws}
        if chosen is None:
            return keys
        objects = tuple(one for one in chosen.manifest.objects if one.key in keys)
        named = msgspec.structs.replace(chosen.manifest, objects=objects)
        mended = {one.key for one in objects}
        try:
            async with contextlib.aclosing(flaws_of(region, named, {}, deep=self._deep)) as found:
                mended -= {one.key async for one in found}
        except NearcastError:
            # The store is away, and nobody knows.
            return keys
        return keys - mended

    async def _mend(
        self,
        name: VersionName,
        region: Region,
        flaws: Sequence[Finding],
        chosen: ReadManifest | None,
    ) -> None:
        damaged = {one.key for one in flaws if one.flaw is Flaw.WRONG_BYTES}
        for listed in chosen.manifest.objects if chosen is not None else ():
            # What a store says of bytes that rotted is what they were: nobody would replace them.
            if listed.key in damaged and await self._is_good_elsewhere(listed, region):
                await region.store.delete(listed.key)
                damaged.discard(listed.key)
        await self._copiers[region.name].copy(name)
        if damaged:
            raise NothingBetter(key=min(damaged))

    async def _is_good_elsewhere(self, listed: ManifestObject, region: Region) -> bool:
        for other in self._regions.all:
            if other is not region:
                with contextlib.suppress(ObjectUnknown):
                    if await digest_of(other.store, listed) == (listed.size, listed.sha256):
                        return True
        return False

    async def _finish_removal(self, package: _Package) -> Sequence[Told]:
        """Finds what is left of a version that was removed, and removes it too."""
        told = []
        for region in self._regions.all:
            if region.name in package.held:
                if self._repair:
                    await mark_removed(region.store, *package.name)
                    await delete_all(region.store, package.name.prefix, self._clock, float("inf"))
                finding = Finding(region.name, Flaw.REMOVED, package.name.prefix)
                told.append(Told(finding, repaired=self._repair))
        return told


def _trouble(error: NearcastError, finding: Finding) -> str:
    """Why a finding is left; of several objects that nobody has right, ``error`` names one."""
    if isinstance(error, (NothingBetter, ObjectWrong)) and error.facts["key"] != finding.key:
        return str(NothingBetter(key=finding.key))
    return str(error)


class NothingBetter(NearcastError):
    """No other store has the right bytes of {key}."""

    status = 502
