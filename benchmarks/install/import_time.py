"""What `import livn_gym` costs above `import gymnasium`: the median over new processes."""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 11
_SCRIPT = "import time; started = time.perf_counter(); import {}; print(time.perf_counter() - started)"


def seconds(modules: str) -> float:
    """Import modules in a new process and return how long that took."""
    command = [sys.executable, "-c", _SCRIPT.format(modules)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print both medians, taken in turns, and their difference."""
    seconds("livn_gym")  # write the byte code before anything is timed
    pairs = [(seconds("gymnasium"), seconds("livn_gym")) for _ in range(RUNS)]
    base, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"import gymnasium  {base:.3f} s")
    print(f"import livn_gym   {ours:.3f} s, {RUNS} runs")
    print(f"difference        {ours - base:+.3f} s (at most 0.100)")


if __name__ == "__main__":
    main()
