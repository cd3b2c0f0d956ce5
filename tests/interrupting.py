"""Scenarios in processes of their own, which are interrupted at many moments."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

HEAD = """
import random, signal, threading, time
import gymnasium as gym
import numpy as np
import livn_gym
from livn_gym import make

signal.signal(signal.SIGINT, signal.default_int_handler)
MAIN = threading.main_thread().ident


def interrupted(call, delay_s):
    \"\"\"Whether a KeyboardInterrupt came out, some time after the call had begun.\"\"\"
    timer = threading.Timer(delay_s, signal.pthread_kill, (MAIN, signal.SIGINT))
    try:
        timer.start()
        call()
        timer.join()
        for _ in range(1000):  # a signal that came after the call is raised here
            pass
        time.sleep(0.001)
    except KeyboardInterrupt:
        return True
    return False  # swallowed by compiled code that clears errors


def same(first, second):
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("spike_gid", "spike_t", "voltage", "current_soma")
    )
"""


def child(code: str, *arguments: object, timeout_s: float = 120.0) -> str:
    """What a script says that ends with code 0.

    Args:
        code: The script, after ``HEAD``.
        *arguments: Its ``sys.argv[1:]``.
        timeout_s: A hang is a failure.
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HEAD) + textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])},
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
