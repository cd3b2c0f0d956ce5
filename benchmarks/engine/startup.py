"""Start of a new process: imports, first run of a culture, first step of an environment, as a Markdown table.

Each statement runs in new processes, with an empty cache, for which kernels are compiled, and with a filled one. Times
do not contain the start of the interpreter. Medians are shown.

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

from children import Times
from tables import table

IMPORTS = {"import gymnasium": "import gymnasium", "import livn_gym": "import livn_gym"}
RUN = "import livn_gym; livn_gym.make('EI2', seed=0, profile={!r}).record_spikes().run(100.0)"
ENVIRONMENT = "make, reset and step of livn/EI2-v0"
FIRST = {
    ENVIRONMENT: "import gymnasium as gym, livn_gym; env = gym.make('livn/EI2-v0'); env.reset(seed=0); "
    "env.step(env.action_space.sample())",
    "make of EI2 and 100 ms, fast": RUN.format("fast"),
    "make of EI2 and 100 ms, exact": RUN.format("exact"),
}
_TIMED = """
import json, time
wall, cpu = time.perf_counter(), time.process_time()
{}
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""


def measure(statement: str, cache: str | None = None) -> Times:
    """Run a statement in a new process and return its times.

    Args:
        statement: Statement.
        cache: Folder of the cache. Default: the user's.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    environment = os.environ if cache is None else os.environ | {"LIVN_GYM_CACHE": cache}
    command = [sys.executable, "-c", _TIMED.format(statement)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return Times(*json.loads(done.stdout.splitlines()[-1]))


def medians(times: list[Times]) -> Times:
    """Return the medians of both times."""
    return Times(*(statistics.median(column) for column in zip(*times, strict=True)))


def imports(turns: int) -> list[tuple[str, ...]]:
    """Return the rows of imports, taken in turns."""
    for statement in IMPORTS.values():
        measure(statement)  # writes byte code
    times: dict[str, list[Times]] = {name: [] for name in IMPORTS}
    for _ in range(turns):
        for name, statement in IMPORTS.items():
            times[name].append(measure(statement))
    rows = {name: medians(each) for name, each in times.items()}
    return [(name, "-", "-", f"{row.wall_s:.3f}", f"{row.cpu_s:.3f}") for name, row in rows.items()]


def first(name: str, empty: int, filled: int) -> tuple[str, ...]:
    """Return the row of a statement, by numbers of processes with an empty and a filled cache."""
    cold, cached = [], []
    for _ in range(empty):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(measure(FIRST[name], cache))
            cached += [measure(FIRST[name], cache) for _ in range(filled // empty)]
    return name, *(f"{value:.2f}" for value in (*medians(cold), *medians(cached)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer processes")
    quick = parser.parse_args().quick
    rows = imports(3 if quick else 15)
    rows += [first(name, 1 if quick else 2, 1 if quick else 6) for name in ([ENVIRONMENT] if quick else FIRST)]
    print("Start of a new process, s\n")
    table(("what", "empty cache", "of processor time", "filled cache", "of processor time"), rows)


if __name__ == "__main__":
    main()
