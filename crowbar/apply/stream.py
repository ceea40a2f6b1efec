"""ansible-runner's streaming protocol (`transmit`, `worker`, `process`), with a node that is not trusted.

ansible-runner 2.4's own Processor unpacks the worker's artifacts as the worker named them, symbolic links included,
and reads lines of any length. Here the artifacts are passed over (events tell all that is needed) and what a node may
send is limited.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from ansible_runner.streaming import Processor

LINE_LIMIT = 16 << 20  # bytes in one event; published facts (Swift rings) travel in one
TOTAL_LIMIT = 512 << 20  # bytes in one bundle's whole answer


class BoundedReader:
    """The worker's output, refused beyond the limits. An OSError is what Processor takes for a broken stream."""

    def __init__(self, stream: BinaryIO, *, line_limit: int = LINE_LIMIT, total_limit: int = TOTAL_LIMIT) -> None:
        self._stream = stream
        self._line_limit = line_limit
        self._left = total_limit

    def _count(self, block: bytes) -> bytes:
        self._left -= len(block)
        if self._left < 0:
            raise OSError("the node sent more than it may")
        return block

    def readline(self) -> bytes:
        """The next line; never longer than the limit."""
        line = self._stream.readline(self._line_limit + 1)
        if len(line) > self._line_limit:
            raise OSError(f"the node sent a line of over {self._line_limit} bytes")
        return self._count(line)

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes."""
        return self._count(self._stream.read(min(size, 1 << 20)))


class _EventProcessor(Processor):  # type: ignore[misc]  # ansible-runner ships no types
    """Events only: the artifacts that follow them are read and dropped."""

    def artifacts_callback(self, artifacts_data: Mapping[str, Any]) -> None:
        left = 4 * ((int(artifacts_data["zipfile"]) + 2) // 3)  # the zip file stands there in base64, on no line
        while left > 0:
            block = self._input.read(left)
            if not block:
                raise OSError("the node's artifacts end early")
            left -= len(block)


def transmit(
    output: BinaryIO, bundle: bytes, variables: Mapping[str, Any], settings: Mapping[str, str], options: str = ""
) -> None:
    """Send a bundle, its extra variables, the environment and options of ansible-playbook to a worker.

    In the lines that ansible-runner's Transmitter writes. That one packs a folder on the disk each time, which for
    many nodes is most of what they cost the admin node.
    """
    arguments = {
        "playbook": "play.yml",
        "inventory": "inventory/hosts.json",
        "extravars": dict(variables),
        "envvars": dict(settings),
        "ident": "step",
        **({"cmdline": options} if options else {}),
    }
    output.write(json.dumps({"kwargs": arguments}).encode() + b"\n")
    output.write(json.dumps({"zipfile": len(bundle)}).encode() + b"\n")
    output.write(base64.b64encode(bundle))
    output.write(json.dumps({"eof": True}).encode() + b"\n")
    output.flush()


# What ansible-runner's Processor says of a stream that ends in the middle of it.
_CUT_OFF = "Unexpected empty line encountered during worker stream"
WORKER_ENDED = "The node stopped in the middle of it: its power or its network went, or something ended its worker."


def process(source: BinaryIO, scratch: str, on_event: Callable[[Mapping[str, Any]], None]) -> tuple[str, str]:
    """Read a worker's answer to its end, calling ``on_event`` with each event.

    Gives the runner's last status ("successful", "failed", "error") and its explanation, if it gave one.
    ``scratch`` is a folder that Processor makes its own empty folders in.
    """
    explanation = ""

    def status(data: Mapping[str, Any], **_: object) -> None:
        nonlocal explanation
        explanation = str(data.get("job_explanation") or explanation)[:2000]
        if explanation.startswith(_CUT_OFF):
            explanation = WORKER_ENDED

    def event(data: Mapping[str, Any]) -> bool:
        on_event(data)
        return False  # not written to disk: its file name would be of the node's choosing

    processor = _EventProcessor(
        _input=BoundedReader(source),
        private_data_dir=scratch,
        quiet=True,
        settings={},
        status_handler=status,
        event_handler=event,
    )
    try:
        outcome, _ = processor.run()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        # ansible-runner takes an event to be what it should be; a node may send anything.
        return "error", f"The node sent what is no event: {error!r:.200}"
    return str(outcome), explanation
