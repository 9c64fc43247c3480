"""How edges are asked, where they ask for tokens."""

from common.service import TokenKeySettings
from control_plane.app.talking import probes_of
from control_plane.minting import TokenSettings
from control_plane.probing import ProbeSettings

FIRST = TokenKeySettings(key_id="first", secret="f" * 40)
OTHER = TokenKeySettings(key_id="other", secret="o" * 40)
TOKENS = TokenSettings(keys=(FIRST, OTHER))


def test_edges_are_probed_with_the_key_that_signs_viewers_tokens() -> None:
    assert probes_of(ProbeSettings(), TOKENS).key == FIRST


def test_a_key_that_is_given_for_probes_is_taken() -> None:
    assert probes_of(ProbeSettings(key=OTHER), TOKENS).key == OTHER


def test_without_tokens_there_is_none() -> None:
    assert probes_of(ProbeSettings(), None).key is None
