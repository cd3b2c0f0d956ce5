"""Install livn_gym without extras under every Python from 3.11 on that this machine has, and take one step there.

Run: ``python .ci/pythons.py FOLDER``. It prints what it found, and fails if a Python of those that constraints.txt
holds for fails. A newer Python may fail; that is printed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST, NEWEST = (3, 11), (3, 13)
FOLDERS = (
    *os.environ.get("PATH", "").split(os.pathsep),
    *(str(path) for path in sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin"))),
    *(
        str(path)
        for path in sorted(Path(os.environ.get("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache")).glob("Python/*/*/bin"))
    ),
)
ABOUT = "import json, platform, sys; print(json.dumps([platform.python_version(), list(sys.version_info[:4])]))"
STEP = """
import gymnasium, livn_gym
env = gymnasium.make("livn/EI1-v0")
env.reset(seed=1)
env.action_space.seed(1)
_, reward, *_ = env.step(env.action_space.sample())
env.close()
print(f"    livn_gym {livn_gym.__version__}: the first step of EI1 gives the reward {reward!r}")
"""


def found() -> Iterator[tuple[str, tuple[int, int], Path]]:
    """Full version, (major, minor) and path of every CPython, once a version; virtual environments count as theirs."""
    seen = set()
    for folder in FOLDERS:
        for minor in range(OLDEST[1], 20):
            python = Path(folder) / f"python3.{minor}"
            if not os.access(python, os.X_OK):
                continue
            done = subprocess.run([python, "-c", ABOUT], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode != 0:  # a launcher whose Python is not there
                continue
            version, (major, actual, _, level) = json.loads(done.stdout)
            if version not in seen and level == "final":
                seen.add(version)
                yield version, (major, actual), python


def try_out(python: Path, folder: Path) -> str | None:
    """What a step prints in a new virtual environment with the core installed, None if that or the step fails."""
    inside = folder / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    commands = (
        # without pip, which Debian has in a package of its own; this Python's pip installs
        [python, "-m", "venv", "--without-pip", folder],
        [sys.executable, "-m", "pip", "--python", inside, "install", "-q", "-c", ROOT / "constraints.txt", ROOT],
        [sys.executable, "-m", "pip", "--python", inside, "check"],
        [inside, "-c", STEP],
    )
    for command in commands:
        done = subprocess.run(
            command, cwd=folder.parent, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            print(f"    {' '.join(map(str, command[:6]))} ... failed:\n{done.stdout}{done.stderr}")
            return None
    print(done.stdout.rstrip())
    return done.stdout


def main() -> None:
    """Print what was found and how it went."""
    pythons = sorted(found(), key=lambda entry: [int(part) for part in entry[0].split(".")])
    print("found", ", ".join(version for version, _, _ in pythons))
    failed, steps = [], set()
    for version, minor, python in pythons:
        print(f"  Python {version} ({python})", flush=True)
        step = try_out(python, Path(sys.argv[1]).resolve() / f"python-{version}")
        if minor > NEWEST:
            print("    which is newer than what is claimed and may fail")
        elif step is None:
            failed.append(version)
        else:
            steps.add(step)
    if failed:
        sys.exit(f"livn_gym does not install or run under Python {', '.join(failed)}")
    if len(steps) != 1:
        sys.exit("No Python of those that are claimed was found, or the same step differs between them")


if __name__ == "__main__":
    main()
