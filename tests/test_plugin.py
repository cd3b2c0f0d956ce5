"""A package of one's own with one thing of each kind: installed, then used from a folder outside the repository."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from mpi import launch

SOURCE = Path(__file__).with_name("plugin")

EVERYTHING = {
    "system": "pair",
    "params": "lively",
    "task": "stay_quiet",
    "model": "leaky_fire",
    "encoding": {"name": "uniform_pulses", "rate_hz": 10.0},
    "decoding": {"name": "active_cells", "parts": 4},
    "conditions": ["missed_spikes"],
    "io": {"name": "first_electrodes", "count": 2},
    "backend": "random_firing",
    "settle_ms": 400.0,
}
"""One thing of each kind by the name under which the package offers it."""

BY_REFERENCE = EVERYTHING | {
    "system": "example_plugin.systems:pair",
    "params": "example_plugin.systems:LIVELY",
    "task": "example_plugin.tasks:StayQuiet",
    "model": "example_plugin.models:LeakyFireModel",
    "encoding": {"name": "example_plugin.closed_loop:UniformPulses", "rate_hz": 10.0},
    "decoding": {"name": "example_plugin.closed_loop:ActiveCells", "parts": 4},
    "conditions": ["example_plugin.closed_loop:MissedSpikes"],
    "io": {"name": "example_plugin.hardware:FirstElectrodes", "count": 2},
    "backend": "example_plugin.hardware:RandomFiring",
}

PLAYED = f"""
    import json, pickle, sys
    import gymnasium as gym
    import numpy as np
    import livn_gym

    OPTIONS = json.loads({json.dumps(EVERYTHING)!r})

    def played(make):
        with_seed = make()
        found = [with_seed.reset(seed=5)[0]]
        rng = np.random.default_rng(0)
        for _ in range(4):
            action = rng.uniform(-1, 1, with_seed.action_space.shape).astype(np.float32)
            found.append([np.array(part) for part in with_seed.step(action)[:4]])
        with_seed.close()
        return found
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that pip installed the package into; the sources are copied, which a build would change."""
    base = tmp_path_factory.mktemp("plugin")
    shutil.copytree(SOURCE, base / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--target", str(base / "site"), str(base / "source")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return base / "site"


@pytest.fixture
def run(installed, tmp_path):
    """Runs a script of a user in an empty folder, where the package is installed and the repository is not."""

    def run_script(text, *arguments, code=0):
        path = tmp_path / "script.py"
        path.write_text(textwrap.dedent(PLAYED) + textwrap.dedent(text))
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            cwd=tmp_path,
            env=launch.environment() | {"PYTHONPATH": os.pathsep.join([str(launch.ROOT), str(installed)])},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    return run_script


def test_every_kind_is_offered_and_nothing_is_imported_before_it_is_used(run):
    out = run("""
        from livn_gym import backends, decoding, device_profile, encoding, io, models, parameter_sets, system
        from livn_gym.envs import conditions, tasks
        print(system.names()[-1], parameter_sets.names()[-1], tasks.TASKS.names()[-1], models.names()[-1])
        print(encoding.names()[-1], decoding.names()[-1], conditions.names()[-1], io.names()[-1], backends.names()[-1])
        print(device_profile.names()[-1])
        assert "example_plugin" not in sys.modules
    """)
    assert out.split() == [
        *("pair", "lively", "stay_quiet", "leaky_fire", "uniform_pulses", "active_cells", "missed_spikes"),
        *("first_electrodes", "random_firing", "four_wires"),
    ]


def test_the_list_names_what_packages_add(run):
    out = run("""
        from livn_gym.cli import app
        from typer.testing import CliRunner
        print(CliRunner().invoke(app, ["list"]).output)
    """)
    added = [line.split() for line in out.partition("Installed packages add")[2].splitlines()]
    rows = [[word for word in line if word.isprintable() and word != "│"] for line in added if "0.3" in line]
    assert [row[:2] for row in rows if row[0] in ("pair", "stay_quiet", "first_electrodes")] == [
        ["first_electrodes", "ios"],
        ["pair", "systems"],
        ["stay_quiet", "tasks"],
    ]
    assert len(rows) == 10 and all("livn-gym-example-plugin" in row for row in rows)


def test_a_device_fits_a_system_of_the_package(run):
    out = run("""
        env = gym.make("livn/Culture-v0", system="pair", params="lively", device="four_wires", settle_ms=200.0,
                       encoding={"name": "pulse_amplitude", "max_amplitude_uA": 3.0, "rate_hz": 5.0})
        print(env.action_space.shape, env.reset(seed=0)[1]["device"])
    """)
    assert out == "(4,) four_wires\n"


@pytest.mark.slow
def test_the_live_view_shows_it(run):
    out = run("""
        from livn_gym.serve import messages
        from livn_gym.serve.agent_catalog import AgentCatalog
        from livn_gym.serve.session import LiveSession
        for env_id, options in (("livn/Culture-v0", OPTIONS), ("example_plugin:example/StayQuiet-v0", {})):
            with LiveSession(env_id, AgentCatalog(), "random", paused=True, options=options) as session:
                for _ in range(3):
                    session.submit(messages.Step()).result(120)
                session.submit(messages.Pause()).result(120)
                culture = session._env.unwrapped
                print(session.view.env_id, len(culture.last_second), culture.culture.system.name, session.view.error)
                print([type(one).__name__ for one in culture._loop._loop.conditioned.conditions])
    """)
    assert out.splitlines() == [
        "livn/Culture-v0 7 pair ",
        "['MissedSpikes', 'ManualStimulation']",
        "example_plugin:example/StayQuiet-v0 7 pair ",
        "['MissedSpikes', 'ManualStimulation']",
    ]


@pytest.mark.slow
def test_all_together_in_single_vector_and_spawned_environments(run):
    out = run("""
        def single():
            return gym.make("livn/Culture-v0", **OPTIONS)

        def vector(mode=None):
            kwargs = {} if mode is None else {"vectorization_mode": "async", "vector_kwargs": {"context": mode}}
            return gym.make_vec("livn/Culture-v0", num_envs=2, **kwargs, **OPTIONS)

        if __name__ == "__main__":
            env = single()
            print(type(env.unwrapped.culture.model).__name__, type(env.unwrapped.culture._backend).__name__)
            print(env.unwrapped.culture.system.num_neurons, env.unwrapped.culture.electrodes.num_channels)
            print(env.action_space.shape, env.observation_space.shape)
            again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
            batch, spawned = played(vector), played(lambda: vector("spawn"))
            for one, other in zip(batch, spawned, strict=True):
                for a, b in zip(one, other, strict=True):
                    np.testing.assert_array_equal(a, b)
            first, other = env.reset(seed=5)[0], again.reset(seed=5)[0]
            np.testing.assert_array_equal(first, batch[0][0])
            np.testing.assert_array_equal(first, other)
            print("equal")
    """)
    assert out.split("\n") == ["LeakyFireModel RandomFiring", "12 2", "(1,) (9,)", "equal", ""]


@pytest.mark.slow
@pytest.mark.parametrize("options", [EVERYTHING, BY_REFERENCE | {"backend": "native"}], ids=["names", "references"])
def test_all_together_conforms(run, options):
    out = run(f"""
        from livn_gym.testing import CHECKS, conform
        options = json.loads({json.dumps(options)!r})
        assert conform("livn/Culture-v0", max_episode_steps=20, **options) == list(CHECKS)
        print("conforms")
    """)
    assert out.split()[-1] == "conforms"


def test_the_id_that_the_package_registers_is_found_by_its_module(run):
    out = run("""
        env = gym.make("example_plugin:example/StayQuiet-v0")
        print(env.spec.max_episode_steps, env.unwrapped.culture.system.name)
        envs = gym.make_vec("example_plugin:example/StayQuiet-v0", num_envs=2, conditions=None)
        print(envs.reset(seed=0)[0].shape)
        from livn_gym.testing import check_vector
        check_vector("example/StayQuiet-v0")
    """)
    assert out.split("\n") == ["10 pair", "(2, 5)", ""]


@pytest.mark.slow
def test_over_mpi_it_is_the_same(installed, tmp_path):
    script = launch.script(
        tmp_path,
        textwrap.dedent(PLAYED)
        + textwrap.dedent("""
        results = played(lambda: gym.make_vec("livn/Culture-v0", num_envs=3, **OPTIONS))
        pickle.dump(results, open(sys.argv[1], "wb"))
        """),
    )
    env = {"PYTHONPATH": os.pathsep.join([str(launch.ROOT), str(installed)])}
    alone = [sys.executable, script, str(tmp_path / "alone.pkl")]
    subprocess.run(alone, cwd=tmp_path, env=launch.environment(env), check=True, timeout=120)
    launch.run(["-m", "livn_gym.mpi", script, str(tmp_path / "ranks.pkl")], 2, env=env).good()
    one, other = (pickle.loads((tmp_path / name).read_bytes()) for name in ("alone.pkl", "ranks.pkl"))
    for a, b in zip(one, other, strict=True):
        for x, y in zip(a, b, strict=True):
            assert x.dtype == y.dtype and x.tobytes() == y.tobytes()


@pytest.mark.slow
@pytest.mark.needs("rl")
def test_agents_are_trained_evaluated_and_benchmarked_on_it(run, tmp_path):
    options = [f"--option={name}={json.dumps(value)}" for name, value in EVERYTHING.items()]
    options += ["--option=backend=native", "--option=max_episode_steps=4"]
    run(
        f"""
        from livn_gym.cli import app
        from typer.testing import CliRunner
        options = json.loads({json.dumps(options)!r})
        if __name__ == "__main__":
            for command in (
                ["train", "--env", "livn/Culture-v0", "--steps", "16", "--num-envs", "2", "--out", "first", *options],
                ["evaluate", "first", "silent", "--episodes", "2"],
                ["benchmark", "--tasks", "livn/Culture-v0", "--agents", "silent", "--seeds", "1", "--episodes", "2",
                 "--processes", "1", "--out", "bench", *options],
                ["train", "--env", "example_plugin:example/StayQuiet-v0", "--steps", "16", "--num-envs", "2", "--out",
                 "second"],
                ["evaluate", "second", "--episodes", "2"],
            ):
                done = CliRunner().invoke(app, command)
                assert done.exit_code == 0, (command, done.output)
        """
    )
    rows = (tmp_path / "bench" / "rows.csv").read_text().splitlines()
    assert len(rows) == 2 and "stay_quiet" in rows[1] and ",done," in rows[1]
