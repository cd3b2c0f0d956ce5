"""What every test shares: one thread per worker, and slow tests that are deselected, with a printed count."""

import os

import pytest

# Workers share the processors: a pool of threads in each of them makes all of them slower. Before NumPy and torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

COUNT = pytest.StashKey[int]()


@pytest.fixture
def fake(monkeypatch):
    """Environments of this test run on the Poisson fake unless they name a backend."""
    from fakes import use_poisson_backend

    use_poisson_backend(monkeypatch)


def pytest_addoption(parser):
    parser.addoption(
        "--slow", action="store_true", help="run the tests marked slow too, which are deselected otherwise"
    )


def pytest_configure(config):
    config.stash[COUNT] = 0


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config):
    """One worker for each processor that this process may use; hyper-threads count, since tests wait a lot."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and files.pop().endswith(".py"):
        return 0  # a single file: starting workers would take longer than they save
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Deselect slow tests, unless ``--slow``, ``-m`` or a test's own name (``file.py::test``) asks for them."""
    if config.option.slow or config.option.markexpr:
        return
    named = [_path_and_name(config, argument) for argument in config.args if "::" in argument]
    slow = [item for item in items if item.get_closest_marker("slow") and not _is_named(item, named)]
    if slow:
        items[:] = [item for item in items if item not in set(slow)]
        config.hook.pytest_deselected(items=slow)
        config.stash[COUNT] = len(slow)


def _path_and_name(config, argument):
    file, _, name = argument.partition("::")
    return (config.invocation_params.dir / file).resolve(), name


def _is_named(item, named):
    own = item.nodeid.partition("::")[2]
    return any(item.path == path and (own == name or own.startswith((f"{name}::", f"{name}["))) for path, name in named)


def pytest_sessionfinish(session):
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # in a worker of pytest-xdist
        output["slow_deselected"] = session.config.stash[COUNT]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Every worker collects all tests, so that one worker's count is everyone's."""
    count = getattr(node, "workeroutput", {}).get("slow_deselected", 0)
    node.config.stash[COUNT] = max(node.config.stash[COUNT], count)


def pytest_terminal_summary(terminalreporter, config):
    if count := config.stash[COUNT]:
        terminalreporter.write_line(f"{count} slow tests were deselected; pytest --slow runs them too.")
