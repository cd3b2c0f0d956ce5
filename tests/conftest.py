"""What is run: slow tests and those whose packages are missing are left out, and a closing line counts them."""

import importlib.util
import os
import shutil
import signal
from collections import Counter

import cl_sdk
import pytest
from hypothesis import settings

settings.register_profile("livn_gym", deadline=None)  # on a busy machine an example takes as long as it takes
settings.load_profile("livn_gym")

# Workers share the processors: a pool of threads in each of them makes all of them slower. Before NumPy and torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
# Workers that import PyNWB at once for the first time read its cache while another one writes it.
os.environ.setdefault("PYNWB_NO_CACHE_DIR", "1")

# Behind a shell's "&" processes ignore Ctrl-C, as do the commands that they start. Tests send it to such commands.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NEEDS = {
    "rl": ("torch", "stable_baselines3", "tensorboard"),
    "docs": ("mkdocs", "material", "mkdocstrings"),
    "rl_zoo3": ("rl_zoo3",),
    "checks": ("importlinter",),
    "ffmpeg": ("imageio_ffmpeg",),
    "chromium": (),
    "cl": (),
}
"""What ``@pytest.mark.needs(...)`` may name, and the modules that belong to it; none of it is in the extra ``test``."""

EVERYTHING = bool(os.environ.get("LIVN_GYM_TEST_EVERYTHING"))
"""CI sets this: what is missing makes tests fail then, instead of being left out."""

LEFT_OUT = pytest.StashKey[Counter]()


@pytest.fixture
def fake(monkeypatch):
    """Environments of this test run on the Poisson fake unless they name a backend."""
    from fakes import use_poisson_backend

    use_poisson_backend(monkeypatch)


def missing(need):
    """Whether something that a test needs is not installed."""
    if need == "chromium":
        from browser import executable

        return executable() is None
    if need == "cl":
        return cl_sdk.python() is None
    if need == "ffmpeg" and shutil.which("ffmpeg"):
        return False
    return any(importlib.util.find_spec(module) is None for module in NEEDS[need])


def pytest_addoption(parser):
    parser.addoption(
        "--slow", action="store_true", help="run the tests marked slow too, which are deselected otherwise"
    )


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config):
    """One worker for each processor that this process may use; hyper-threads count, since tests wait a lot."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and files.pop().endswith(".py"):
        return 0  # a single file: starting workers would take longer than they save
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """A file that imports a missing package at its top is left out as a whole."""
    report = yield
    error = getattr(report.call.excinfo.value, "__cause__", None) if report.failed else None
    if isinstance(error, ModuleNotFoundError) and not EVERYTHING:
        for need, modules in NEEDS.items():
            if error.name and error.name.partition(".")[0] in modules and missing(need):
                collector.config.stash[LEFT_OUT][f"files that need {need}"] += 1
                report.outcome, report.longrepr, report.result = "passed", None, []
                break
    return report


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Deselect what cannot run here, and slow tests unless ``--slow``, ``-m`` or a test's own name asks for them."""
    named = [_path_and_name(config, argument) for argument in config.args if "::" in argument]
    every_speed = config.option.slow or config.option.markexpr
    absent = {need for need in NEEDS if not EVERYTHING and missing(need)}
    absent |= {"cl"} if cl_sdk.impossible() else set()
    kept, left_out = [], []
    for item in items:
        needs = {need for marker in item.iter_markers("needs") for need in marker.args}
        if unknown := needs - set(NEEDS):
            raise pytest.UsageError(f"{item.nodeid} needs {sorted(unknown)}; known are {sorted(NEEDS)}")
        if lacking := sorted(needs & absent):
            reason = f"tests that need {lacking[0]}"
        elif item.get_closest_marker("slow") and not every_speed and not _is_named(item, named):
            reason = "slow tests (pytest --slow runs them)"
        else:
            kept.append(item)
            continue
        config.stash[LEFT_OUT][reason] += 1
        left_out.append(item)
    if left_out:
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)


def _path_and_name(config, argument):
    file, _, name = argument.partition("::")
    return (config.invocation_params.dir / file).resolve(), name


def _is_named(item, named):
    own = item.nodeid.partition("::")[2]
    return any(item.path == path and (own == name or own.startswith((f"{name}::", f"{name}["))) for path, name in named)


def pytest_sessionfinish(session):
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # in a worker of pytest-xdist
        output["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Every worker collects all tests, so that one worker's counts are everyone's."""
    node.config.stash[LEFT_OUT] |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash[LEFT_OUT]
    if counts:
        terminalreporter.write_line("Left out: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
