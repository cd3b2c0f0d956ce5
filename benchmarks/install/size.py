"""What a plain install takes: size of its packages in a new virtual environment, and times of imports in new processes.

Run: ``python benchmarks/install/size.py``. It makes the environment in a temporary folder and installs this
checkout there.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 10
IMPORTS = {
    "gymnasium": "import gymnasium",
    "livn_gym": "import livn_gym",
    "livn_gym.envs": "import livn_gym.envs",
    "livn_gym, gym.make of EI1": "import gymnasium, livn_gym; gymnasium.make('livn/EI1-v0')",
}
_TIMED = "import time; started = time.perf_counter(); {}; print(time.perf_counter() - started)"


def megabytes(folder: Path) -> float:
    """Size of the files below a folder, MB of 10^6 bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def seconds(python: Path, code: str) -> float:
    """Time of a statement in a new process, without the interpreter's own start."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(python), "-c", _TIMED.format(code)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=python.parent)
    return float(done.stdout)


def main() -> None:
    """Print the tables of docs/install.md."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        (packages,) = Path(folder).glob("lib/python*/site-packages")
        before = megabytes(packages)  # pip itself
        source = Path(folder) / "source"  # a copy, since building leaves folders beside what it builds
        left = shutil.ignore_patterns(".*", "build", "runs", "site", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT, source, symlinks=True, ignore=left)
        install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(source)]
        subprocess.run(install, check=True, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
        sizes = {path.name: megabytes(path) for path in packages.iterdir() if path.is_dir()}
        total = megabytes(packages) - before
        print("| package | MB |\n| --- | --- |")
        for name in sorted((n for n in sizes if n != "pip"), key=lambda n: -sizes[n])[:7]:
            print(f"| {name} | {sizes[name]:.0f} |")
        print(f"| all packages | {total:.0f} |\n")

        for code in IMPORTS.values():
            seconds(python, code)  # byte code and kernels are written before anything is timed
        times: dict[str, list[float]] = {name: [] for name in IMPORTS}
        for _ in range(RUNS):
            for name, code in IMPORTS.items():
                times[name].append(seconds(python, code))
        print("| import | median (s) | lowest (s) | highest (s) |\n| --- | --- | --- | --- |")
        for name, taken in times.items():
            print(f"| {name} | {statistics.median(taken):.3f} | {min(taken):.3f} | {max(taken):.3f} |")


if __name__ == "__main__":
    main()
