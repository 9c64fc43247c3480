"""Where accounts are kept."""

from pathlib import Path
from typing import Annotated

import msgspec


class AccountsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The relational database of accounts: one of a SQLite file and MySQL or MariaDB."""

    sqlite: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of the SQLite database, for one control plane; either this or mysql.",
            extra={"example": "data/accounts.sqlite"},
        ),
    ] = None
    mysql: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^mysql://[!-~]{1,512}\Z")] | None,
        msgspec.Meta(
            description="URL of a database on a MySQL (from 8.0) or MariaDB (from 10.6) server, "
            "for several control planes.",
            extra={"example": "mysql://nearcast:secret@db1:3306/nearcast"},
        ),
    ] = None
    tls: Annotated[
        bool,
        msgspec.Meta(
            description="Whether connections to the server are encrypted, and its certificate is "
            "checked against the system's authorities and `ca`."
        ),
    ] = False
    connections: Annotated[
        int,
        msgspec.Meta(description="Connections to the database at most.", ge=1, le=256),
    ] = 8
