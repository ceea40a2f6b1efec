"""How a BMC is asked over HTTPS, and what its answers mean as errors. sushy knows Redfish; it sends through here."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
import sushy.exceptions
from requests.adapters import HTTPAdapter
from sushy.auth import BasicAuth
from sushy.connector import Connector

from crowbar_inventory.bmc.model import (
    BmcBusyError,
    BmcError,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
    Credential,
)

# What it logs is raised, too; without a handler Python would print it.
logging.getLogger("sushy").addHandler(logging.NullHandler())
_MOST_BYTES = 4 * 2**20
_MOST_CHARACTERS = 300
_BUSY = (409, 423, 429, 503)
_UNSUPPORTED = (400, 404, 405, 406, 501)


class _Adapter(HTTPAdapter):
    """Takes answers of a bearable size; a certificate that was pinned need not name the host."""

    def __init__(self, *, pinned: bool) -> None:
        self._pinned = pinned
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._pinned:
            kwargs["assert_hostname"] = False
        super().init_poolmanager(*args, **kwargs)

    def send(self, request: Any, stream: bool = False, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 # read here
        response = super().send(request, True, *args, **kwargs)
        body = bytearray()
        for piece in response.iter_content(2**16):
            body += piece
            if len(body) > _MOST_BYTES:
                response.close()
                raise requests.RequestException(f"an answer of more than {_MOST_BYTES} bytes")
        response._content = bytes(body)  # noqa: SLF001 # where requests keeps what was read
        return response


def open_service(url: str, credential: Credential, limit: float, trust: Path | None) -> sushy.Sushy:
    """The BMC's Redfish service. ``trust`` is a PEM file of the certificates to trust instead of the system's.

    Each request is tried once, and goes to this BMC and nowhere else, whatever links and redirections it answers.
    The password goes with each request, over TLS: no session is left behind in the BMC. Raises sushy's errors.
    """
    connector = Connector(
        url,
        verify=str(trust) if trust else True,
        server_side_retries=1,  # 0 means 3
        server_side_retries_delay=0.01,
        default_request_timeout=limit,
    )
    session = connector._session  # noqa: SLF001 # it has no public way to its adapters
    session.trust_env = False
    session.adapters.clear()
    session.mount(url, _Adapter(pinned=trust is not None))
    return sushy.Sushy(url, auth=BasicAuth(credential.username, credential.password), connector=connector)


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Whatever sushy raises within is raised as a BmcError of its kind."""
    try:
        yield
    except BmcError:
        raise
    except sushy.exceptions.HTTPError as error:
        raise _http_error(what, error) from error
    except sushy.exceptions.ConnectionError as error:
        raise _connection_error(what, error) from error
    except (
        sushy.exceptions.MissingActionError,
        sushy.exceptions.MissingAttributeError,
        sushy.exceptions.InvalidParameterValueError,
        sushy.exceptions.UnknownDefaultError,
    ) as error:
        raise BmcUnsupportedError(f"{what}: {_short(error)}") from error
    except (sushy.exceptions.SushyError, json.JSONDecodeError) as error:
        raise BmcError(f"{what}: {_short(error)}") from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # sushy takes the types of what it reads for granted.
        raise BmcError(f"{what}: the BMC's answer cannot be understood ({type(error).__name__})") from error


def _http_error(what: str, error: sushy.exceptions.HTTPError) -> BmcError:
    status = int(error.status_code or 0)
    if isinstance(error, sushy.exceptions.AccessError):
        return BmcRefusedError(
            f"{what}: the BMC does not accept the user or the password, or the user may not ({status})"
        )
    detail = f": {_short(error.detail)}" if error.detail else ""
    kind = BmcBusyError if status in _BUSY else BmcUnsupportedError if status in _UNSUPPORTED else BmcError
    return kind(f"{what}: the BMC answers HTTP {status}{detail}")


def _connection_error(what: str, error: Exception) -> BmcError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "CertificateError" in text:
        fault = BmcError(f"{what}: the BMC's certificate is not trusted: give its certificate, or its issuer's")
        fault.retry = False
        return fault
    return BmcUnreachableError(f"{what}: {_short(text)}")


def _short(text: object) -> str:
    return " ".join(str(text).split())[:_MOST_CHARACTERS]
