"""Settings that several roles have in the same form."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from common.errors import SettingsInvalid

T = TypeVar("T")

LogLevel = Annotated[
    str,
    msgspec.Meta(
        description="The lowest level that is logged: debug, info, warning or error.",
        pattern=r"^(debug|info|warning|error)\Z",
    ),
]

Authority = Annotated[
    Path | None,
    msgspec.Meta(
        description="File of CA certificates to trust besides the system's, PEM.",
        extra={"example": "tls/ca.pem"},
    ),
]


class PeerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Another role, and how to ask it."""

    url: Annotated[
        str,
        msgspec.Meta(
            description="Its address.",
            pattern=r"^https?://[!-~]{1,512}\Z",
            extra={"example": "https://nearcast.example.org"},
        ),
    ]
    token: Annotated[
        str,
        msgspec.Meta(
            description="The token of a credential that it knows, with this role's own name.",
            min_length=16,
            max_length=512,
            extra={"example": "a-long-random-secret"},
        ),
    ]


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where records are kept: one of a SQLite file and MongoDB."""

    sqlite: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the SQLite database, for one machine; either this or mongodb.",
            extra={"example": "data/nearcast.sqlite"},
        ),
    ] = None
    mongodb: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^mongodb(\+srv)?://")] | None,
        msgspec.Meta(
            description="URL of the MongoDB servers, for many machines.",
            extra={"example": "mongodb://db1:27017,db2:27017/?replicaSet=rs0"},
        ),
    ] = None
    name: Annotated[
        str,
        msgspec.Meta(
            description="Name of the database in MongoDB; roles may share one.",
            pattern=r"^[A-Za-z0-9_-]{1,63}\Z",
        ),
    ] = "nearcast"

    async def open(
        self,
        sqlite: Callable[[Path], Awaitable[T]],
        mongodb: Callable[[str, str], Awaitable[T]],
    ) -> T:
        """The database that the settings name, opened by one of the two.

        Raises:
            SettingsInvalid: they name none, or two.
        """
        match self.sqlite, self.mongodb:
            case Path() as path, None:
                return await sqlite(path)
            case None, str() as url:
                return await mongodb(url, self.name)
            case _:
                raise SettingsInvalid(
                    file="settings", key="database", expected="expected either sqlite or mongodb"
                )
