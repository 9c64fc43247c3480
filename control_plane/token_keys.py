"""The keys that a control plane signs tokens with: those of its settings, and of a file beside them
that is taken anew when it changes."""

from pathlib import Path

from common.errors import SettingsInvalid
from common.service import TokenKeySettings
from common.service.token_keys import keys_of
from control_plane.minting import TokenSettings
from control_plane.watched_file import WatchedFile, keep_looking, troubles


class TokenKeys:
    """The keys of the moment."""

    def __init__(self, settings: TokenSettings) -> None:
        """Reads the file, where there is one; to be called in a thread.

        Raises:
            SettingsInvalid: there is no key, two have one name, or the file cannot be read or does
                not fit.
            FileChanging: somebody writes to it.
        """
        path = settings.keys_file
        self._own = settings.keys
        if path is None and not self._read(None):
            raise SettingsInvalid(
                file="control", key="tokens.keys", expected="a key, here or in keys_file"
            )
        self._files = [] if path is None else [WatchedFile(path, self._read)]

    def _read(self, file: Path | None) -> tuple[TokenKeySettings, ...]:
        return keys_of(file, self._own, role="control", key="tokens.keys")

    def signing(self) -> TokenKeySettings:
        """The key that signs."""
        for file in self._files:
            return file.value[0]
        return self._own[0]

    def away(self) -> dict[str, str]:
        """Why the file is not what is in use, for people."""
        told = troubles(self._files)
        return {"token keys": told} if told else {}

    async def run(self) -> None:
        """Looks at the file, for ever."""
        await keep_looking(self._files, lambda: None)
