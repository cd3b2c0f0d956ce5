"""The project's shape: packages, links, layers, the built wheel, lightness, names and sizes."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions, version
from pathlib import Path

import gymnasium as gym
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import livn_gym

ROOT = Path(__file__).resolve().parents[2]
LINKS = ("agents", "configs", "envs")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

LONGER = {"tests/test_recording.py", "tests/test_stimulus.py"}
"""Files past 400 lines: the tests of one module or package, found by its name."""


def packages():
    """Dotted names of all folders with an ``__init__.py``; those that are linked under their installed name."""
    tops = [(ROOT / "livn_gym", "livn_gym"), *((ROOT / name, f"livn_gym.{name}") for name in LINKS)]
    found = []
    for top, name in tops:
        for folder, subfolders, files in os.walk(top):  # does not follow the links
            subfolders[:] = [sub for sub in subfolders if sub != "__pycache__"]
            if "__init__.py" in files:
                found.append(".".join([name, *Path(folder).relative_to(top).parts]))
    return sorted(found)


def test_the_list_of_packages_equals_the_folders():
    assert PROJECT["tool"]["setuptools"]["packages"] == packages()


@pytest.mark.parametrize("name", LINKS)
def test_links_are_relative(name):
    link = ROOT / "livn_gym" / name
    assert link.is_symlink() and os.readlink(link) == f"../{name}"
    assert link.resolve() == (ROOT / name).resolve()


@pytest.mark.needs("checks")
def test_imports_go_down_only():
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_version_is_said_once():
    assert livn_gym.__version__ == version("livn_gym") == PROJECT["project"]["version"]


def test_importing_is_light():
    code = (
        "import sys, livn_gym\n"
        "print({'torch', 'neuron', 'numba', 'mpi4py', 'matplotlib'} & set(sys.modules) or 'light')"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "light\n"


def test_importing_registers_every_culture_for_the_first_task():
    ids = [env_id for env_id in gym.registry if env_id.startswith("livn/EI") and env_id.count("-") == 1]
    assert ids == [f"livn/EI{k}-v0" for k in (1, 2, 3, 4)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel built from a copy without what is ignored, unpacked; by the build backend that pip would call."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("livn_gym", *LINKS):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "tests", source / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(target)!r}))"
    done = subprocess.run([sys.executable, "-c", build], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        archive.extractall(target / "unpacked")
    return target / "unpacked"


def test_the_wheel_holds_every_file_once_and_no_tests(wheel):
    wanted = {
        str(Path("livn_gym") / path.relative_to(base))
        for base, tops in ((ROOT / "livn_gym", (ROOT / "livn_gym",)), (ROOT, [ROOT / name for name in LINKS]))
        for top in tops
        for folder, _, files in os.walk(top)
        for path in (Path(folder) / name for name in files)
        if path.suffix in (".py", ".mod", ".toml", ".yml", ".typed", ".html", ".css", ".js")
    }
    assert {"livn_gym/configs/systems/EI2.toml", "livn_gym/envs/tasks/base.py", "livn_gym/serve/page/app.js"} <= wanted
    assert any(name.startswith("livn_gym/backends/neuron/mechanisms/") for name in wanted)
    held = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in held if ".dist-info" not in name} == wanted


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "import livn_gym, livn_gym.agents, livn_gym.envs.culture_env\n"
        "from livn_gym.system import make\n"
        f"assert livn_gym.envs.__file__.startswith({str(wheel)!r}), livn_gym.envs.__file__\n"
        "print(livn_gym.__version__, make('EI1').num_neurons)"
    )
    environment = {**os.environ, "LIVN_GYM_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{livn_gym.__version__} 10\n"), done.stderr


CONSTRAINTS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")
"""The first release of every Python that constraints.txt holds for."""


UNPINNED = {"cl"}
"""Extras whose licence keeps them out of constraints.txt and of all other extras."""


def test_no_extra_brings_what_is_not_pinned():
    extras = PROJECT["project"]["optional-dependencies"]
    unpinned = {canonicalize_name(Requirement(item).name) for name in UNPINNED for item in extras[name]}
    for name in extras.keys() - UNPINNED:
        for requirement in map(Requirement, extras[name]):
            assert canonicalize_name(requirement.name) not in unpinned and not requirement.extras & UNPINNED, name
    assert not unpinned & {canonicalize_name(pin.name) for pin in CONSTRAINTS}


def pin_of(name, python):
    """The version that constraints.txt pins on a Python, None where it pins none."""
    markers = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    pins = [pin for pin in CONSTRAINTS if canonicalize_name(pin.name) == name]
    pins = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(markers)]
    assert len(pins) < 2, pins
    for pin in pins:
        (exact,) = pin.specifier
        assert exact.operator == "==", pin
        return exact.version
    return None


@pytest.mark.parametrize("python", PYTHONS)
def test_constraints_pin_every_requirement_as_it_is_allowed(python):
    extras = PROJECT["project"]["optional-dependencies"]
    groups = [PROJECT["project"]["dependencies"], *(extras[name] for name in extras if name not in UNPINNED)]
    for requirement in (Requirement(item) for group in groups for item in group):
        name = canonicalize_name(requirement.name)
        if name != canonicalize_name(livn_gym.__name__):
            version = pin_of(name, python)
            assert version is not None and requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_what_is_pinned_and_installed_takes_every_python(python):
    """A package that asks for 3.11.5 would break the installation on Debian 12, whose Python is 3.11.2."""
    names = {canonicalize_name(pin.name) for pin in CONSTRAINTS}
    for distribution in distributions():
        name = canonicalize_name(distribution.metadata["Name"])
        if name in names and distribution.version == pin_of(name, python):
            needs = SpecifierSet(distribution.metadata.get("Requires-Python") or "")
            assert needs.contains(python), f"{name} {distribution.version} requires Python {needs}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_pages_install_extras_that_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"(?:livn_gym|[\"'][.])\[([a-z_,0-9]+)\]", text)
    assert {extra for extras in named for extra in extras.split(",")} <= set(
        PROJECT["project"]["optional-dependencies"]
    )


def test_checks_run_local_tools_only():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"repo: (\S+)", text)) == {"local"}
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}


def test_files_stay_readable():
    folders = ("livn_gym", "agents", "envs", "configs", "tests", "benchmarks")
    files = [path for name in folders for path in (ROOT / name).rglob("*.py") if path.is_file()]
    long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    assert len(files) > 50
    assert long <= LONGER
