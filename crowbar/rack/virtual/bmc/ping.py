"""Is there a BMC: the question that needs no password (ASF 2.0, presence ping)."""

from __future__ import annotations

import socket
import time

_PING = bytes.fromhex("0600ff06 000011be 80000000")  # RMCP, class ASF; IANA's number of ASF, the message's type
_PONG_TYPE = 0x40
_TYPE_AT = 8
_PORT = 623


def answers(address: str, timeout: float) -> bool:
    """Whether a BMC answers there within so many seconds; it is asked every half second."""
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((address, _PORT))
        while (left := deadline - time.monotonic()) > 0:
            asking.settimeout(min(left, 0.5))
            try:
                asking.send(_PING)
                answer = asking.recv(64)
            except TimeoutError:
                continue
            except OSError:  # nobody listens yet
                time.sleep(min(left, 0.1))
                continue
            if len(answer) > _TYPE_AT and answer[_TYPE_AT] == _PONG_TYPE:
                return True
    return False
