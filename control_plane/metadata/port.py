"""The port behind which metadata lives: what every adapter promises."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from control_plane.metadata.records import After, Found, Metadata, Query, Told


class MetadataStore(Protocol):
    """Keeps what people say of assets, and finds assets by it.

    Every method raises ``Unavailable`` when the database does not answer.
    """

    async def note(self, told: Sequence[Told]) -> None:
        """Has assets found by what their versions say of them; each may be in ``told`` once. What
        is known of more stays, and so does all that was edited."""
        ...

    async def noted(self, after: str, limit: int) -> list[tuple[str, int]]:
        """The names of up to ``limit`` assets after ``after``, in their order, each with what was
        known when it was noted."""
        ...

    async def forget(self, asset_ids: Collection[str]) -> None:
        """Drops all that is kept of assets."""
        ...

    async def get(self, asset_ids: Collection[str]) -> dict[str, Metadata]:
        """The metadata of those of ``asset_ids`` of which there is some.

        Raises:
            MessageInvalid: a record is none that this release can read.
        """
        ...

    async def replace(self, told: Told, metadata: Metadata) -> bool:
        """Puts edited metadata in the place of the one with the revision before; durable when this
        returns. Plays are left as they are.

        Returns:
            Whether it was done: it is not when the revision before is another.

        Raises:
            StorageFull: no space is left.
        """
        ...

    async def add_plays(self, plays: Mapping[str, int]) -> None:
        """Adds to the plays of assets; of one that is not known, nothing is kept. Those of the last
        moments may be lost with the machine's power."""
        ...

    async def search(self, query: Query, after: After | None, limit: int) -> Found:
        """Up to ``limit`` assets, after ``after``: first those that have all words in their title,
        then the others; of each, those that became known last come first.

        What becomes known while one pages comes before the first page, and so is in none.

        Raises:
            Unavailable: also when it takes more than 2 s, as one for what very many assets have.
        """
        ...

    async def close(self) -> None:
        """Ends the connection."""
        ...
