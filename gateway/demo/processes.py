"""Real child processes: started together, waited for by their ready lines, ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.errors import OperatorError

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Child:
    """One `gateway ...` process; its messages go to a file."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.name = arguments[0]
        self.log = log
        self.address = ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        with log.open("wb") as stream:
            # The command is this interpreter and this package.
            self._process = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
                [sys.executable, "-m", "gateway.cli", *arguments],
                stdout=subprocess.PIPE,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                env=environment,
            )
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, name=f"{self.name} output", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Find the ready line, and keep the pipe empty afterwards."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            _, found, address = line.decode(errors="replace").strip().partition(" ready on ")
            if found and not self.address:
                self.address = address
                self._ready.set()
        self._ready.set()

    def wait_ready(self) -> str:
        """Return the address once it listens. Raises OperatorError with the end of its messages otherwise."""
        self._ready.wait(READY_SECONDS)
        if not self.address:
            raise OperatorError(f"`gateway {self.name}` did not start:\n{self.messages()}")
        return self.address

    def messages(self) -> str:
        """Return the last lines it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        # That a server started is not news to somebody who asks why something did not work.
        return "\n".join([line for line in lines if not ('"level": "info"' in line and '"uvicorn' in line)][-15:])

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def stop(self, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then kill."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(STOP_SECONDS)
        if self._process.stdout is not None and not self._reader.is_alive():
            self._process.stdout.close()


@contextlib.contextmanager
def running(commands: Sequence[tuple[Sequence[str], Path]]) -> Iterator[list[Child]]:
    """Start every command at once, hand them over when all are ready, and end all of them in any case."""
    children: list[Child] = []
    try:
        for arguments, log in commands:
            children.append(Child(arguments, log))
        for child in children:
            child.wait_ready()
        yield children
    finally:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            child.stop(deadline)
