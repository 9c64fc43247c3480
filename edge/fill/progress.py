"""How much of one package is held, and what of it comes next."""

from collections import deque
from collections.abc import Mapping

import msgspec

from common.messages import (
    DesiredPackage,
    HeldPackage,
    ManifestObject,
    PackageManifest,
    PackageName,
)
from edge.policy.fill_order import object_order
from edge.store import DesiredRow

FIRST_PAUSE = 0.5
"""Seconds before a package of which something failed is tried again."""
LONGEST_PAUSE = 60.0
"""Seconds that the pause, doubled at each failure, grows to."""


class Progress:
    """One package on its way. Times are in seconds of a steady clock."""

    __slots__ = (
        "_aside",
        "_failures",
        "_fetching",
        "_missing",
        "_missing_bytes",
        "_retry_at",
        "_waiting",
        "counted",
        "row",
        "told",
    )

    def __init__(self, row: DesiredRow) -> None:
        """Begins with what the last run knew."""
        self.row = row
        self._missing: dict[str, ManifestObject] | None = {} if row.objects else None
        """By key; None until the manifest is there."""
        self._missing_bytes = 0
        self._waiting: deque[ManifestObject] = deque()
        """What nobody fetches now."""
        self._aside: list[ManifestObject] = []
        """What has failed, and waits for another trial."""
        self._fetching = False
        """Whether the manifest is fetched now."""
        self._failures = 0
        """Trials in a row of which something failed."""
        self._retry_at = 0.0
        self.told: HeldPackage | None = None
        """What others know to be held of it."""
        self.counted = (0, 0)
        """What others count as pending."""

    @property
    def desired(self) -> DesiredPackage:
        """What is to be held."""
        return self.row.package

    @property
    def name(self) -> PackageName:
        """Which package it is."""
        return self.row.name

    @property
    def manifest(self) -> ManifestObject:
        """The manifest, as another object."""
        desired = self.row.package
        return ManifestObject(desired.manifest_key, 0, desired.manifest_sha256, "application/json")

    @property
    def whole(self) -> bool:
        """Whether all of it is held."""
        return self._missing is not None and not self._missing

    @property
    def pending(self) -> tuple[int, int]:
        """Objects that are missing, and their bytes; one of no size while the manifest is."""
        return (1, 0) if self._missing is None else (len(self._missing), self._missing_bytes)

    @property
    def held(self) -> HeldPackage | None:
        """What is held; None while nobody knows, since the manifest is missing."""
        if self._missing is None:
            return None
        row = self.row
        return HeldPackage(
            asset_id=row.package.asset_id,
            version=row.package.version,
            objects_held=row.objects - len(self._missing),
            objects_total=row.objects,
            bytes_held=row.bytes - self._missing_bytes,
            bytes_total=row.bytes,
        )

    def learn(self, manifest: PackageManifest, missing: Mapping[str, ManifestObject]) -> None:
        """Learns what belongs to it, and what of that is missing."""
        total = sum(item.size for item in manifest.objects)
        self.row = msgspec.structs.replace(self.row, objects=len(manifest.objects), bytes=total)
        self._missing = {**missing}
        self._missing_bytes = sum(item.size for item in missing.values())
        self._waiting = deque(object_order(missing.values()))
        self._aside = []

    def forget(self) -> None:
        """Knows no more what belongs to it."""
        self.row = msgspec.structs.replace(self.row, objects=0, bytes=0)
        self._missing, self._missing_bytes = None, 0
        self._waiting.clear()
        self._aside = []

    @property
    def ready_at(self) -> float | None:
        """When something of it can be taken, perhaps long ago; None while all is taken."""
        if self._waiting:
            return 0.0
        idle = not self._fetching if self._missing is None else bool(self._aside)
        return self._retry_at if idle else None

    def take(self, now: float) -> ManifestObject | None:
        """What is to be fetched next, by whoever asks; None while others do what there is."""
        if self._missing is None:
            if self._fetching:
                return None
            self._fetching = True
            return self.manifest
        if not self._waiting and now >= self._retry_at:
            self._waiting.extend(self._aside)
            self._aside = []
        return self._waiting.popleft() if self._waiting else None

    def got(self, item: ManifestObject) -> None:
        """Notes that what was taken is held."""
        if not self._aside:
            self._failures, self._retry_at = 0, 0.0
        if item.key == self.desired.manifest_key:
            self._fetching = False
        elif self._missing is not None and self._missing.pop(item.key, None) is not None:
            self._missing_bytes -= item.size

    def give_back(self, item: ManifestObject) -> None:
        """Notes that what was taken was not fetched."""
        if item.key == self.desired.manifest_key:
            self._fetching = False
        elif self._missing is not None and item.key in self._missing:
            self._waiting.append(item)

    def failed(self, item: ManifestObject, now: float) -> float:
        """Notes that what was taken cannot be had now; the rest of it goes on.

        Returns:
            Seconds until it is tried again, longer after each trial.
        """
        if item.key == self.desired.manifest_key:
            self._fetching = False
        elif self._missing is not None and item.key in self._missing:
            self._aside.append(item)
        if now >= self._retry_at:
            self._failures += 1
            pause = min(FIRST_PAUSE * 2.0 ** min(self._failures - 1, 20), LONGEST_PAUSE)
            self._retry_at = now + pause
        return self._retry_at - now
