"""Which store holds the objects, as the operator's settings say."""

import os
from pathlib import Path
from typing import Annotated

import msgspec


class S3Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket of an S3 server."""

    endpoint: Annotated[
        str,
        msgspec.Meta(
            description="Address of the S3 server.",
            pattern=r"^https?://[!-~]{1,512}\Z",
            extra={"example": "https://s3.example.net"},
        ),
    ]
    bucket: Annotated[
        str,
        msgspec.Meta(
            description="Name of the bucket, which exists.",
            pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z",
            extra={"example": "nearcast"},
        ),
    ]
    region: Annotated[
        str,
        msgspec.Meta(
            description="Region that requests are signed for.",
            pattern=r"^[A-Za-z0-9-]{1,64}\Z",
        ),
    ] = "us-east-1"
    access_key: Annotated[
        str,
        msgspec.Meta(
            description="Access key.", min_length=1, max_length=256, extra={"example": "AKEXAMPLE"}
        ),
    ]
    secret_key: Annotated[
        str,
        msgspec.Meta(
            description="Secret key.",
            min_length=1,
            max_length=256,
            extra={"example": "a-long-random-secret"},
        ),
    ]
    ca: Annotated[
        Path | None,
        msgspec.Meta(
            description="File of CA certificates in PEM to trust besides the system's.",
            extra={"example": "tls/ca.pem"},
        ),
    ] = None


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where objects are kept: give either a folder or a table for S3."""

    folder: Annotated[
        Path | None,
        msgspec.Meta(
            description="Folder of the objects; any number of processes may share it.",
            extra={"example": "data/objects"},
        ),
    ] = None
    s3: Annotated[
        S3Settings | None, msgspec.Meta(description="A bucket of an S3 server, for many machines.")
    ] = None

    def __post_init__(self) -> None:
        if (self.folder is None) == (self.s3 is None):
            raise ValueError("Expected either a folder or a table s3")

    @property
    def place(self) -> str:
        """What tells one store from another."""
        if self.s3 is not None:
            return f"{self.s3.endpoint.rstrip('/')}/{self.s3.bucket}"
        return os.path.normpath(self.folder or "")
