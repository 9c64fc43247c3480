"""The keys that a control plane signs tokens with: those of its settings, and of a file beside them
that is taken anew when it changes."""

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
        own, path = settings.keys, settings.keys_file
        self._own = keys_of(None, own, role="control", key="tokens.keys")
        if not own and path is None:
            raise SettingsInvalid(
                file="control", key="tokens.keys", expected="a key, here or in keys_file"
            )
        self._files = [
            WatchedFile(file, lambda file: keys_of(file, own, role="control", key="tokens.keys"))
            for file in (path,)
            if file is not None
        ]

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
