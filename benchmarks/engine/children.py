"""Engines in processes of their own that take turns: one line of JSON per request and per answer.

A child process announces itself with a line on standard output, then answers every request, and ends with its input.
While another process runs, it waits.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO


class Times(NamedTuple):
    """Seconds on the clock, and of processor time by all threads of the engine's process."""

    wall_s: float
    cpu_s: float


class Unavailable(Exception):
    """An engine cannot run here, or its process ended.

    Args:
        reason: Reason, in one line.
        output: Everything that its process wrote to standard error.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


class Child:
    """An engine in a process of its own.

    Args:
        command: Command that starts it.
        environment: Variables that it gets in addition to those of this process.

    Raises:
        Unavailable: It ended instead of announcing itself.
    """

    def __init__(self, command: list[str], **environment: str) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would block the child
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=os.environ | environment,
        )
        try:
            self.facts = self._answer()
        except BaseException:
            self.close()
            raise

    def run(self, duration_ms: float) -> Times:
        """Advance the culture."""
        return Times(**self.ask(duration_ms))

    def ask(self, request: object) -> Any:
        """Send a request and wait for the answer.

        Raises:
            Unavailable: The process ended.
        """
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{json.dumps(request)}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer is reported with the reason
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self._errors.seek(0)
            output = self._errors.read()
            raise Unavailable(last_line(output), output)
        return json.loads(line)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        try:
            self.process.communicate()
        finally:
            self._errors.close()


def take_output() -> TextIO:
    """Return standard output for the answers; whatever is printed from now on goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def serve(answers: TextIO, facts: object, answer: Callable[[Any], object]) -> None:
    """Announce this process and answer requests until the input ends; the other side of ``Child``."""
    reply = facts
    while True:
        print(json.dumps(reply), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        reply = answer(json.loads(line))


def timed(call: Callable[[], object]) -> Times:
    """Return the times of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Times(time.perf_counter() - wall, time.process_time() - cpu)


def last_line(text: str) -> str:
    """Return the last line that a failed program printed."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no output")
