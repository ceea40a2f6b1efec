"""SSH to a guest, against a real SSH server of this process."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from crowbar.verify import guest
from crowbar.verify.model import CheckError


class _Server(paramiko.ServerInterface):
    """Lets one key in, and runs what it is told by a shell of this host."""

    def __init__(self, known: paramiko.PKey) -> None:
        self._known = known

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if key == self._known else AUTH_FAILED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_execute, args=(channel, command)).start()
        return True


def _execute(channel: paramiko.Channel, command: bytes) -> None:
    data = channel.makefile("rb").read()
    done = subprocess.run(command, shell=True, input=data, capture_output=True, check=False)
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # the client may have had enough
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


@contextmanager
def server(known: paramiko.PKey, host_key: paramiko.PKey) -> Iterator[int]:
    """An SSH server on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(host_key)
            transports.append(transport)
            try:
                transport.start_server(server=_Server(known))
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()  # the client did not like the host key

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for transport in transports:
            transport.close()


@pytest.fixture
def key() -> paramiko.Ed25519Key:
    """The key that the guest lets in."""
    return guest.new_key()[0]


@pytest.fixture
def host_key() -> paramiko.Ed25519Key:
    """The guest's own key."""
    return guest.new_key()[0]


@pytest.fixture
def port(key: paramiko.PKey, host_key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A guest's SSH server, at a port that is free."""
    with server(key, host_key) as number:
        monkeypatch.setattr(guest, "_PORT", number)
        yield number


def printed(key: paramiko.PKey) -> str:
    """A console on which the guest printed its host key."""
    return f"SeaBIOS\ncrowbar-tiny: 2.16 s: host key ssh-ed25519 {key.get_base64()} root@tiny\ncrowbar-tiny: ready"


def test_a_new_key_is_written_as_openssh_writes_it() -> None:
    key, public = guest.new_key()
    kind, blob = public.split()
    assert kind == "ssh-ed25519"
    assert base64.b64decode(blob) == key.asbytes()


def test_the_last_host_key_on_the_console_counts(host_key: paramiko.PKey) -> None:
    other = guest.new_key()[0]
    assert guest.host_key(printed(other) + "\n" + printed(host_key)) == host_key
    assert guest.host_key("SeaBIOS\n") is None
    assert guest.host_key("crowbar-tiny: 2 s: host key ssh-ed25519 AAAAC3Nza") is None


@pytest.mark.usefixtures("port")
def test_bytes_go_in_and_come_out(key: paramiko.PKey, host_key: paramiko.PKey) -> None:
    data = bytes(range(256)) * 20_000
    with guest.login("127.0.0.1", key, lambda: printed(host_key), timeout=10) as session:
        assert session.text("echo hello") == "hello"
        assert session.run("cat", stdin=data) == data
        assert session.text("sha256sum").split()[0] == hashlib.sha256(b"").hexdigest()


@pytest.mark.usefixtures("port")
def test_a_failing_command_is_told_with_what_it_said(key: paramiko.PKey, host_key: paramiko.PKey) -> None:
    with (
        guest.login("127.0.0.1", key, lambda: printed(host_key), timeout=10) as session,
        pytest.raises(CheckError, match=r"`echo oh dear >&2; exit 7` ended with 7 in the guest: oh dear"),
    ):
        session.run("echo oh dear >&2; exit 7")


@pytest.mark.usefixtures("port")
def test_a_guest_that_never_stops_writing_is_cut_off(
    key: paramiko.PKey, host_key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "_OUTPUT_LIMIT", 1 << 20)
    with (
        guest.login("127.0.0.1", key, lambda: printed(host_key), timeout=10) as session,
        pytest.raises(CheckError, match="wrote more than 1 MiB"),
    ):
        session.run("head -c 3000000 /dev/zero")


@pytest.mark.usefixtures("port")
def test_a_host_with_another_key_is_not_talked_to(key: paramiko.PKey) -> None:
    other = guest.new_key()[0]
    with (
        pytest.raises(CheckError, match=r"^SSH to 127\.0\.0\.1: not within 1 s"),
        guest.login("127.0.0.1", key, lambda: printed(other), timeout=1),
    ):
        pass


@pytest.mark.usefixtures("port")
def test_a_rebooted_guest_is_reached_once_its_new_key_is_on_the_console(
    key: paramiko.PKey, host_key: paramiko.PKey
) -> None:
    consoles = iter(["", printed(guest.new_key()[0]), printed(host_key)])
    with guest.login("127.0.0.1", key, lambda: next(consoles), timeout=10) as session:
        assert session.text("echo up") == "up"


@pytest.mark.usefixtures("port")
def test_a_guest_that_has_not_told_its_key_is_told_as_it_was_seen(key: paramiko.PKey) -> None:
    with (
        pytest.raises(CheckError, match="no host key on the guest's console"),
        guest.login("127.0.0.1", key, str, 0.1),
    ):
        pass


def test_the_console_is_asked_for_once_somebody_listens(key: paramiko.PKey, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(guest, "_PORT", closed.getsockname()[1])
    asked: list[str] = []

    def console() -> str:
        asked.append("console")
        return ""

    with (
        pytest.raises(CheckError, match="last seen: nobody listens: ConnectionRefusedError"),
        guest.login("127.0.0.1", key, console, 0.1),
    ):
        pass
    assert asked == []
