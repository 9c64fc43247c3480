"""How a role calls other roles: one HTTP client session, with the operator's own CA trusted."""

import asyncio
import ssl
from pathlib import Path

import aiohttp

from common.errors import SettingsInvalid


def client_context(authority: Path | None) -> ssl.SSLContext:
    """TLS that trusts the system's authorities and, when given, those in the file ``authority``.

    Raises:
        SettingsInvalid: the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(cafile=authority)
        except (OSError, ssl.SSLError) as error:
            raise SettingsInvalid(
                file=authority, key="ca", expected=f"certificates in PEM ({error})"
            ) from error
    return context


async def new_client_session(
    authority: Path | None,
    *,
    token: str | None = None,
    timeout: aiohttp.ClientTimeout | None = None,
    connections_per_host: int = 32,
) -> aiohttp.ClientSession:
    """A client session; whoever asks for it closes it.

    Args:
        authority: file of CA certificates to trust besides the system's.
        token: the credential sent with every request.
        timeout: replaces the default of 5 s to connect and 30 s between reads.
        connections_per_host: how many connections to one host may be open at once.
    """
    # Loading the system's authorities reads files and takes milliseconds: not on the loop.
    context = await asyncio.to_thread(client_context, authority)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=0, limit_per_host=connections_per_host),
        timeout=timeout or aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30),
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auto_decompress=False,
        # No role uses any, and whoever is called could send them without end.
        cookie_jar=aiohttp.DummyCookieJar(),
    )
