"""What an operator may choose about jobs."""

import base64

import msgspec
import pytest

from ingest.jobs.settings import WebhookSettings


def webhook(secret: str) -> WebhookSettings:
    given = {"name": "studio", "url": "https://studio.example.org/", "secret": secret}
    return msgspec.convert(given, WebhookSettings)


def test_a_secret_of_the_specification_is_the_bytes_that_it_encodes() -> None:
    key = b"bytes that nobody guesses"
    assert webhook("whsec_" + base64.b64encode(key).decode()).key == key


def test_any_other_secret_is_its_text() -> None:
    assert webhook("a-long-random-secret").key == b"a-long-random-secret"


@pytest.mark.parametrize("secret", ["whsec_not base64 at all", "whsec_bG9uZy1yYW5kb20"])
def test_a_secret_that_cannot_be_decoded_is_refused_at_the_start(secret: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="Expected base64 after `whsec_`"):
        webhook(secret)
