"""Mints the tokens that open an edge to a viewer: one for a version, long enough to watch it.

Expiries are rounded up to a common grid, so that viewers who come within some minutes of one
another have one token where it is bound to nothing, whichever control plane they ask: an edge then
knows it already.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from common.clock import Clock
from common.errors import NearcastError, SettingsInvalid
from common.messages import PackageAnnouncement
from common.messages.packages import version_prefix
from common.service import TokenKeySettings, secrets_of
from common.signing import AccessTokens, PathToken, mint
from control_plane.routing import Viewer

STEPS: Final = 8
"""A token is good for up to this part of its time longer than needed."""
REMEMBERED: Final = 16_384
"""Versions whose token is remembered."""


class SessionMissing(NearcastError):
    """What is watched here is bound to its session: ask with `?session=ID`, or tell it as `sid` in
    CMCD, 1 to 64 letters, digits, hyphens and underscores."""

    status = 400


class TokenSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that viewers are given, and that edges ask for."""

    keys: Annotated[
        tuple[TokenKeySettings, ...],
        msgspec.Meta(
            description="Keys that edges know too, as their token_keys. The first one signs; the "
            "others are those that it replaces, or that will replace it.",
            max_length=16,
        ),
    ] = ()
    keys_file: Annotated[
        Path | None,
        msgspec.Meta(
            description="TOML file of [[token_keys]] that come before `keys`; the edges' "
            "token_keys_file may be the same. A changed one is taken within seconds.",
            extra={"example": "token-keys.toml"},
        ),
    ] = None
    lifetime: Annotated[
        int,
        msgspec.Meta(
            description="How long a token is good at least; of a long video, for twice its "
            "duration.",
            ge=60,
            le=604800,
            extra={"unit": "seconds"},
        ),
    ] = 3600
    longest: Annotated[
        int,
        msgspec.Meta(
            description="How long it is good at most, up to an eighth more by rounding.",
            ge=60,
            le=2592000,
            extra={"unit": "seconds"},
        ),
    ] = 86400
    bind: Annotated[
        Literal["none", "address", "session"],
        msgspec.Meta(
            description="Who may use it besides the viewer that it is given to: anybody, nobody at "
            "another address, or nobody who does not tell the same session in CMCD."
        ),
    ] = "none"
    format: Annotated[
        Literal["path", "cat"],
        msgspec.Meta(
            description="The project's own short format, or the Common Access Token (CTA-5007), "
            "which cannot be bound to a session."
        ),
    ] = "path"


class Minter:
    """Mints with the key of the moment."""

    def __init__(
        self, settings: TokenSettings, clock: Clock, signing: Callable[[], TokenKeySettings]
    ) -> None:
        """Mints as ``settings`` say, good from now on by ``clock``, with the key that ``signing``
        answers.

        Raises:
            SettingsInvalid: there is no such token.
        """
        if (settings.format, settings.bind) == ("cat", "session"):
            raise SettingsInvalid(
                file="control",
                key="tokens.bind",
                expected='"session" needs format = "path": no claim of a CAT tells a session',
            )
        if settings.lifetime > settings.longest:
            raise SettingsInvalid(
                file="control", key="tokens.longest", expected="no less than lifetime"
            )
        self._settings = settings
        self._clock = clock
        self._signing = signing
        self._use(signing())

    def _use(self, key: TokenKeySettings) -> None:
        self._key = key
        self._access = AccessTokens(secrets_of((key,)))
        self._shared: dict[tuple[str, str], tuple[int, str]] = {}
        """Tokens that are bound to nothing, with their expiry, by asset and version."""

    def opening(self, package: PackageAnnouncement, viewer: Viewer) -> str:
        """What stands before every path of ``package`` for ``viewer``: ``/t/TOKEN``.

        Raises:
            SessionMissing: it would be bound to a session, and the viewer tells none.
        """
        key = self._signing()
        if key is not self._key:
            self._use(key)
        expires = self._expiry(package.duration)
        if self._settings.bind == "session":
            if not viewer.session:
                raise SessionMissing
            return self._minted(package, expires, session=viewer.session)
        if self._settings.bind == "address":
            return self._minted(package, expires, address=str(viewer.address))
        name = package.asset_id, package.version
        known = self._shared.get(name)
        if known is not None and known[0] == expires:
            return known[1]
        if len(self._shared) >= REMEMBERED:
            self._shared.clear()
        made = self._minted(package, expires)
        self._shared[name] = expires, made
        return made

    def query(self, viewer: Viewer) -> str:
        """What stands behind a URL that a viewer is sent to, whose player may not repeat there what
        it told here: ``?CMCD=sid…`` where tokens are bound to sessions, otherwise nothing."""
        if self._settings.bind != "session" or not viewer.session:
            return ""
        return f"?CMCD=sid%3D%22{viewer.session}%22"

    def _expiry(self, duration: float) -> int:
        """POSIX seconds; ``duration`` is the video's."""
        needed = int(min(max(2 * duration, self._settings.lifetime), self._settings.longest))
        step = needed // STEPS
        return (int(self._clock.now()) + needed) // step * step + step

    def _minted(
        self, package: PackageAnnouncement, expires: int, address: str = "", session: str = ""
    ) -> str:
        prefix = f"/{version_prefix(package.asset_id, package.version)}"
        if package.objects_of is not None:
            # Its playlists name objects of that version.
            prefix = f"/v/{package.asset_id}/"
        key = self._key
        if self._settings.format == "cat":
            return f"/t/{self._access.mint(key.key_id, prefix, expires, address)}"
        token = PathToken(key.key_id, prefix, expires, address, session)
        return f"/t/{mint(token, key.secret)}"
