"""Scripts of benchmarks/ as modules; they are no package."""

import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def script():
    """The module of a script by its name."""
    made = []
    folders = [str(folder) for folder in sorted(FOLDER.iterdir()) if folder.is_dir()]
    sys.path[:0] = folders  # scripts import their neighbours, as when they are run

    def load(name):
        (path,) = FOLDER.glob(f"*/{name}.py")
        spec = importlib.util.spec_from_file_location(f"benchmark_script_{name}", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        made.append(spec.name)
        spec.loader.exec_module(module)
        return module

    yield load
    for folder in folders:
        sys.path.remove(folder)
    for name in made:
        sys.modules.pop(name, None)
