"""Start of a new process: imports, first run of a culture, first step of an environment, as a Markdown table.

Each statement runs in new processes, with an empty cache, for which kernels are compiled, and with a filled one. Times
do not contain the start of the interpreter; MB are the peak of resident memory. Medians are shown.

``--quick`` takes fewer processes and the environment alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import NamedTuple

from tables import table

IMPORTS = {"import gymnasium": "import gymnasium", "import livn_gym": "import livn_gym"}
RUN = "import livn_gym; livn_gym.make({!r}, seed=0, profile={!r}).record_spikes().run(100.0)"
ENVIRONMENT = "make, reset and step of livn/EI2-v0"
FIRST = {
    ENVIRONMENT: "import gymnasium as gym, livn_gym; env = gym.make('livn/EI2-v0'); env.reset(seed=0); "
    "env.step(env.action_space.sample())",
} | {
    f"make of {system} and 100 ms, {profile}": RUN.format(system, profile)
    for system in ("EI1", "EI2", "EI3")
    for profile in ("fast", "exact")
}
_TIMED = """
import json, resource, time
wall, cpu = time.perf_counter(), time.process_time()
{}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


class Start(NamedTuple):
    """Seconds on the clock and of processor time, and the peak of resident memory."""

    wall_s: float
    cpu_s: float
    peak_MB: float

    def cells(self, digits: int) -> tuple[str, ...]:
        """Return the cells of a table."""
        return f"{self.wall_s:.{digits}f}", f"{self.cpu_s:.{digits}f}", f"{self.peak_MB:.0f}"


def measure(statement: str, cache: str | None = None) -> Start:
    """Run a statement in a new process and return what it took.

    Args:
        statement: Statement.
        cache: Folder of the cache. Default: the user's.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    environment = os.environ | ({} if cache is None else {"LIVN_GYM_CACHE": cache})
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # otherwise every process compiles the modules of a checkout
    command = [sys.executable, "-c", _TIMED.format(statement)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Start(*json.loads(done.stdout.splitlines()[-1]))


def medians(times: list[Start]) -> Start:
    """Return the median of every column."""
    return Start(*(statistics.median(column) for column in zip(*times, strict=True)))


def imports(turns: int) -> list[tuple[str, ...]]:
    """Return the rows of imports, taken in turns."""
    for statement in IMPORTS.values():
        measure(statement)  # writes byte code
    times: dict[str, list[Start]] = {name: [] for name in IMPORTS}
    for _ in range(turns):
        for name, statement in IMPORTS.items():
            times[name].append(measure(statement))
    rows = {name: medians(each) for name, each in times.items()}
    return [(name, *"---", *row.cells(3)) for name, row in rows.items()]


def first(name: str, empty: int, filled: int) -> tuple[str, ...]:
    """Return the row of a statement, by numbers of processes with an empty and a filled cache."""
    cold, cached = [], []
    for _ in range(empty):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(measure(FIRST[name], cache))
            cached += [measure(FIRST[name], cache) for _ in range(filled // empty)]
    return name, *medians(cold).cells(2), *medians(cached).cells(2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer processes")
    quick = parser.parse_args().quick
    rows = imports(3 if quick else 15)
    rows += [first(name, 1 if quick else 2, 1 if quick else 6) for name in ([ENVIRONMENT] if quick else FIRST)]
    print("Start of a new process, s\n")
    table(("what", "empty cache", "of processor time", "MB", "filled cache", "of processor time", "MB"), rows)


if __name__ == "__main__":
    main()
