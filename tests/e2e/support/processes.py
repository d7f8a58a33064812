"""Real gateway and sandbox processes: started, awaited, killed without warning, and always cleaned up.

Every process is the leader of a group of its own, so that killing it takes with it whatever it started. Its output goes to
files that are shown when a test fails.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from child_environment import child_environment

READY_SECONDS = 60.0
SHOWN_LINES = 40


class ReservedPort:
    """A port of 127.0.0.1 that stays the same over restarts and is given to nobody else meanwhile.

    The socket is bound and never listens: whoever binds it with SO_REUSEADDR, as the gateway does, may listen on it.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def release(self) -> None:
        self._socket.close()


class RealProcess:
    """One process that says when it is ready, and can be started again after it was killed."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._command = list(command)
        self._folder = folder
        self._environment = environment
        self._running: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.kills = 0
        self.address = ""

    @property
    def alive(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def output(self) -> Path:
        return self._folder / f"{self.name}-{self.starts}.out"

    @property
    def log(self) -> Path:
        return self._folder / f"{self.name}-{self.starts}.log"

    async def start(self) -> None:
        """Start it and wait until it says that it listens."""
        assert not self.alive, f"{self.name} runs already"
        self._open()
        deadline = time.monotonic() + READY_SECONDS
        while True:
            for line in self.output.read_text(encoding="utf-8").splitlines():
                words = line.split(" ready on ")
                if len(words) == 2:
                    self.address = words[1].strip()
                    return
            assert self.alive, f"{self.name} ended at its start:\n{self.tail()}"
            assert time.monotonic() < deadline, f"{self.name} did not become ready:\n{self.tail()}"
            await asyncio.sleep(0.02)

    def _open(self) -> None:
        self.starts += 1
        with self.output.open("wb") as output, self.log.open("wb") as log:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd=self._folder,
                env=self._environment,
                start_new_session=True,
            )

    def send(self, number: int) -> None:
        """Send a signal to the whole group."""
        assert self._running is not None
        os.killpg(self._running.pid, number)

    def kill(self) -> None:
        """SIGKILL: no warning, nothing is finished, nothing is flushed."""
        assert self._running is not None
        self.send(signal.SIGKILL)
        self._running.wait()
        self.kills += 1

    def stop(self) -> None:
        """SIGTERM, and wait until it has ended in good order."""
        assert self._running is not None
        self.send(signal.SIGTERM)
        assert self._running.wait(READY_SECONDS) == 0, self.tail()

    def end(self) -> None:
        """Make sure that nothing of it is left."""
        if self._running is None:
            return
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                os.killpg(self._running.pid, number)
            except ProcessLookupError:
                break
        self._running.wait()

    def tail(self, lines: int = SHOWN_LINES) -> str:
        """Return the end of what it wrote."""
        parts = []
        for path in (self.output, self.log):
            if path.exists():
                shown = path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
                parts += [f"--- {path.name}", *shown]
        return "\n".join(parts)


class World:
    """Everything one test started; leaving it ends all of it, and shows the logs when the test failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[RealProcess] = []
        self._ports: list[ReservedPort] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.end()
        for port in self._ports:
            port.release()
        if error is not None:
            for process in self._processes:
                print(f"=== {process.name}: started {process.starts} times, killed {process.kills} times")
                print(process.tail())

    def port(self) -> int:
        """Reserve a port until the end of the test."""
        reserved = ReservedPort()
        self._ports.append(reserved)
        return reserved.number

    def process(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> RealProcess:
        """Prepare `python -m ARGUMENTS`; nothing of this test run's own settings leaks into it."""
        whole = child_environment(**(environment or {}))
        made = RealProcess(name, [sys.executable, "-m", *arguments], self.folder, whole)
        self._processes.append(made)
        return made


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Open a world in `folder`."""
    async with World(folder) as opened:
        yield opened
