"""What an IPMI completion code, or pyghmi's word on a failed login, means for who asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pyghmi.ipmi.private import constants

from crowbar_inventory.bmc.model import (
    BmcBusyError,
    BmcError,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
)

NO_ANSWER = 0xFFFF  # pyghmi's own, for a request that nobody answered
# IPMI 2.0, table 5-2. What is in neither set (FFh "unspecified" above all) can be transient: plain BmcError.
_BUSY = frozenset({0xC0, 0xC3, 0xC4, 0xC5, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD5})
_UNSUPPORTED = frozenset({0xC1, 0xC2, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xD6})
_REFUSED = frozenset({0xD4})
# Table 13-15: RMCP+ and RAKP status codes. The others (bad session IDs, algorithms) mend by logging in anew, or never.
_LOGIN_BUSY = frozenset({0x01, 0x0B})
_LOGIN_REFUSED = frozenset({0x09, 0x0A, 0x0C, 0x0D, 0x0E, 0x0F})
_LOGIN_UNSUPPORTED = frozenset({0x04, 0x05, 0x06, 0x07, 0x10, 0x11})
# What pyghmi says where the BMC gave no code: it found out itself that the answer was made with another password.
_OWN_WORDS: Mapping[str, type[BmcError]] = {
    "Incorrect password": BmcRefusedError,
    "Invalid RAKP4 integrity": BmcRefusedError,
    "MD5 required": BmcUnsupportedError,
    "Invalid user name": BmcRefusedError,
    "Requested privilege level exceeds": BmcRefusedError,
    "No available login slots": BmcBusyError,
    "No slot available": BmcBusyError,
}


def completion_error(what: str, code: int) -> BmcError:
    """The error for a request that came back with this code, other than 0. ``what`` says which: "set boot device"."""
    if code == NO_ANSWER:
        return BmcUnreachableError(f"{what}: the BMC does not answer any more")
    kind = _kind(code, {BmcBusyError: _BUSY, BmcUnsupportedError: _UNSUPPORTED, BmcRefusedError: _REFUSED})
    words = constants.ipmi_completion_codes.get(code, "a code of its own")
    return kind(f"{what}: the BMC answers {code:02X}h, {words}")


def login_error(words: str) -> BmcError:
    """The error for a login that failed with these words of pyghmi's."""
    if words == "timeout" or words.startswith("Session failed"):
        return BmcUnreachableError("the BMC does not answer")
    kinds = {BmcBusyError: _LOGIN_BUSY, BmcRefusedError: _LOGIN_REFUSED, BmcUnsupportedError: _LOGIN_UNSUPPORTED}
    for code, text in constants.rmcp_codes.items():
        if words.startswith(text):
            return _login(_kind(code, kinds), words)
    for start, kind in _OWN_WORDS.items():
        if words.startswith(start):
            return _login(kind, words)
    return BmcError(f"cannot log in: {words}")


def _login(kind: type[BmcError], words: str) -> BmcError:
    if kind is BmcRefusedError:
        return BmcRefusedError(f"the BMC does not accept the user or the password: {words}")
    return kind(f"cannot log in: {words}")


def _kind(code: int, kinds: Mapping[type[BmcError], frozenset[int]]) -> type[BmcError]:
    return next((kind for kind, codes in kinds.items() if code in codes), BmcError)
