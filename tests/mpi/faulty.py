"""An encoding that fails on one rank after some steps; the rank, the step and how come from the environment."""

import os
import signal
import sys
import time

from livn_gym.encoding import PulseAmplitude


class Faulty(PulseAmplitude):
    """``FAULT`` is ``RANK:CALL:KIND`` with the kind raise, kill, exit or sleep."""

    calls = 0

    def __call__(self, *args, **kwargs):
        rank, call, kind = os.environ.get("FAULT", "-1:0:raise").split(":")
        if os.environ.get("OMPI_COMM_WORLD_RANK") == rank:
            self.calls += 1
            if self.calls == int(call):
                fail(kind)
        return super().__call__(*args, **kwargs)


def fail(kind):
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exit":
        sys.exit(0)
    elif kind == "sleep":
        time.sleep(600)
    raise ArithmeticError("a deliberate fault")
