"""The chassis every role stands on: uvloop, signals, drain, health, TLS, credentials, problems."""

from common.service.client import new_client_session
from common.service.connection import Connection
from common.service.credentials import Credential, CredentialSettings, Gatekeeper, Role
from common.service.fields import Authority, DatabaseSettings, LogLevel, PeerSettings
from common.service.files import write_atomically
from common.service.health import ReadyCheck, add_health_routes
from common.service.listen import Listener, ListenSettings, listening
from common.service.problems import problem_middleware, problem_response
from common.service.run import os_sentence, run_role
from common.service.token_keys import TokenKeySettings, secrets_of

__all__ = [
    "Authority",
    "Connection",
    "Credential",
    "CredentialSettings",
    "DatabaseSettings",
    "Gatekeeper",
    "ListenSettings",
    "Listener",
    "LogLevel",
    "PeerSettings",
    "ReadyCheck",
    "Role",
    "TokenKeySettings",
    "add_health_routes",
    "listening",
    "new_client_session",
    "os_sentence",
    "problem_middleware",
    "problem_response",
    "run_role",
    "secrets_of",
    "write_atomically",
]
