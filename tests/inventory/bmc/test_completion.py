from __future__ import annotations

import pytest

from crowbar_inventory.bmc.completion import NO_ANSWER, completion_error, login_error
from crowbar_inventory.bmc.model import (
    BmcBusyError,
    BmcError,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
)


@pytest.mark.parametrize(
    ("code", "kind", "retry"),
    [
        (0xC0, BmcBusyError, True),
        (0xD2, BmcBusyError, True),
        (0xC1, BmcUnsupportedError, False),
        (0xCC, BmcUnsupportedError, False),
        (0xD4, BmcRefusedError, False),
        (0xFF, BmcError, True),
        (0x91, BmcError, True),
        (NO_ANSWER, BmcUnreachableError, True),
    ],
)
def test_a_completion_code_is_an_error_of_its_kind(code: int, kind: type[BmcError], retry: bool) -> None:
    error = completion_error("identify", code)
    assert type(error) is kind and error.retry is retry
    assert str(error).startswith("identify: the BMC ")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Incorrect password provided", BmcRefusedError),
        ("Unauthorized name in RAKP2", BmcRefusedError),
        ("Invalid integrity check value reported in RAKP4", BmcRefusedError),
        ("Insufficient resources to create a session at the requested role", BmcBusyError),
        ("No Cipher suite match with proposed security algorithms", BmcUnsupportedError),
        ("timeout", BmcUnreachableError),
        ("Session failed to initialize", BmcUnreachableError),
        ("something new", BmcError),
    ],
)
def test_pyghmis_words_on_a_login_are_errors_of_their_kind(words: str, kind: type[BmcError]) -> None:
    assert type(login_error(words)) is kind
