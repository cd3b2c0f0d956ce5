"""Parameters of single cultures and cells over real MPI ranks: those of one process, bit for bit."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from mpi import launch

import livn_gym
from livn_gym.env import Env
from livn_gym.system import sonata

SCRIPT = str(Path(__file__).with_name("parameters_script.py"))
LIMIT = 300.0
"""Time limit of a run that compiles kernels on a busy machine, s."""


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_ranks_with_parameters_per_culture_and_cell_give_what_one_process_gives(backend, ranks, tmp_path):
    alone, shared = tmp_path / "alone.pkl", tmp_path / "shared.pkl"
    command = [sys.executable, SCRIPT, backend, str(alone)]
    subprocess.run(command, check=True, env=launch.environment(), timeout=LIMIT)
    launch.run([SCRIPT, backend, str(shared), "mpi"], ranks, timeout=LIMIT).good()
    expected, found = (pickle.loads(path.read_bytes()) for path in (alone, shared))
    assert len(expected) == len(found) == 4
    for one, other in zip(expected, found, strict=True):
        for name, value in one.items():
            np.testing.assert_array_equal(other[name], value, err_msg=name)
    both, dendrites = expected[0], expected[2]
    assert both["voltage_dendrite"].shape == both["voltage_soma"].shape
    assert not np.array_equal(both["voltage_dendrite"], both["voltage_soma"])
    assert dendrites["voltage_soma"] is None and dendrites["voltage_dendrite"].shape[1] == 8
    assert sum(len(run["spike_t"]) for run in expected) > 10


REFUSED = """
    from mpi4py import MPI
    from livn_gym.env import Env
    from livn_gym.errors import LivnError
    from livn_gym.system import predefined

    world = MPI.COMM_WORLD
    env = Env(predefined("EI1"), comm=world, num_cultures=2, seed=3).init().apply_model_defaults().record_spikes()
    before = env.parameters, env.seeds
    for rank in (0, 1):  # the values of the other rank are right
        wrong = world.rank == rank
        for change in (
            lambda: env.set_noise({"std_e": [1.0, -1.0 if wrong else 1.0]}),
            lambda: env.set_noise({"std_e": "large" if wrong else 1.0}),
            lambda: env.set_cells({"EXC-g_K" if wrong else "EXC-g_Na": 110.0}),
            lambda: env.set_cells({"EXC-g_Na": [100.0] * (7 if wrong else 8)}, cultures=[1]),
            lambda: env.clear(seed=[1, 2, 3] if wrong else [1, 2]),
        ):
            try:
                change()
            except LivnError as error:
                print(type(error).__name__, (env.parameters, env.seeds) == before, flush=True)
    env.run(20.0)
    print("ran", flush=True)
"""


@pytest.mark.slow
def test_arguments_that_one_rank_refuses_change_no_rank(tmp_path):
    run = launch.run([launch.script(tmp_path, REFUSED)], timeout=LIMIT).good()
    expected = ["WorkerError True"] * 10 + ["InvalidInput True"] * 8 + ["UnknownName True"] * 2 + ["ran"] * 2
    assert sorted(run.out.split("\n")[:-1]) == sorted(expected), run.everything


DISTRIBUTED = """
    import sys
    import numpy as np
    from livn_gym.decoding import Decoding
    from livn_gym.distributed import DistributedEnv
    from livn_gym.errors import WorkerError

    class Everything(Decoding):
        def decode(self, view, recording):
            names = ("spike_culture", "spike_gid", "spike_t", "voltage_gid", "voltage_dendrite", "current_soma")
            return [np.concatenate([np.ravel(getattr(recording, name)) for name in names])] * recording.num_cultures

    def configure(env):
        env.apply_model_defaults()
        env.record_spikes(gids=[9, 0, 3])
        env.record_voltage(gids=[2, 8], sample_ms=1.0, compartment="dendrite")
        env.record_membrane_current(gids=[5], sample_ms=1.0)
        env.set_params({"noise-EXC-std_e": [1.4]}, cultures=[1])
        env.set_weights({"EXC_EXC-hillock-AMPA-weight": 0.4}, cultures=[0])
        env.set_cells({"EXC-g_leak_soma": np.linspace(0.35, 0.45, 8)}, cultures=[1])

    def main(subworld_size):
        env = DistributedEnv(sys.argv[1], seed=7, subworld_size=subworld_size, num_cultures=2, profile="fast").init()
        configure(env)
        if env.is_root():
            np.savez(sys.argv[2], *[own for call in env(Everything(60), [None] * 3) for own in call])
            for cultures in ([2], [0, 0]):
                try:
                    env.set_noise({"std_e": 1.0}, cultures=cultures)
                except WorkerError as error:
                    print(str(error).splitlines()[-1])
            env.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("subworld_size", [1, 2])
def test_runs_with_gids_and_parameters_per_culture_are_those_of_one_env(subworld_size, tmp_path):
    folder = str(tmp_path / "EI1")
    with livn_gym.make("EI1") as env:
        sonata.write(env.system, folder)
    script = launch.script(tmp_path, f"{textwrap.dedent(DISTRIBUTED)}\nmain({subworld_size})\n")
    run = launch.run([script, folder, str(tmp_path / "answers.npz")], 3, timeout=LIMIT).good()
    assert run.out.count("cultures must be distinct indices below 2") == 2, run.everything
    with np.load(tmp_path / "answers.npz") as saved:
        answers = list(saved.values())
    scope: dict = {}
    exec(textwrap.dedent(DISTRIBUTED), scope)
    with Env(folder, num_cultures=2, profile="fast").init() as env:
        scope["configure"](env)
        expected = [own for k in range(3) for own in env.clear(seed=7 + k)(scope["Everything"](60))]
        recording = env.run(60.0)
    assert set(recording.spike_gid) <= {0, 3, 9} and recording.voltage_dendrite.shape == (2, 2, 60)
    assert len(answers) == len(expected) == 6
    assert all(np.array_equal(ours, own) for ours, own in zip(answers, expected, strict=True))
    assert max(map(len, expected)) > 2 + 2 * 3 * 60, "some of the cells spike"
