"""Cultures with parameters of their own, alone or shared by ranks: ``parameters_script.py BACKEND FILE [mpi]``."""

import pickle
import sys

import numpy as np

from livn_gym.decoding import GatherAndMerge
from livn_gym.env import Env
from livn_gym.system import predefined

AMPA = "weight-EXC_EXC-hillock-AMPA-weight"


def cells(count, seed=3):
    """Constants of the cells of EI1 in ``count`` cultures; every constant equals the model's in half of the cells."""
    factor = 1.0 + 0.15 * np.random.default_rng(seed).uniform(-1.0, 1.0, (count, 8))
    factor[:, 4:] = 1.0
    return {"EXC-g_leak_soma": 0.4 * factor, "EXC-g_Na": 120.0 * factor[:, ::-1], "INH-C": np.full((count, 2), 2.9)}


def one(comm):
    """One culture of NEURON; its cells are set after a run and once more, and its dendrites are recorded."""
    with Env(predefined("EI1"), comm=comm, backend="neuron", seed=5).init() as env:
        env.apply_model_defaults().record_spikes().record_voltage(sample_ms=0.5, compartment=("dendrite", "soma"))
        yield env.run(10.0)
        yield env.set_cells({key: values[0] for key, values in cells(1).items()}).run(60.0)
        env.record_voltage("EXC", sample_ms=0.5, compartment="dendrite")
        env.set_cells({"EXC-g_leak_soma": 0.41}).set_params({"noise-EXC-std_e": 1.5, AMPA: 0.4})
        yield env.run(60.0)
        yield env.clear().run(60.0)


def batch(comm):
    """Three cultures of the native engine with weights, noise, depression and cells of their own."""
    env = Env(predefined("EI1"), comm=comm, seed=2, num_cultures=3, profile="fast").apply_model_defaults()
    env.set_params({"noise-EXC-std_e": [1.0, 1.3, 1.6], AMPA: [0.1, 0.3, 0.0]}).set_cells(cells(2), cultures=[0, 2])
    with env.init().record_spikes().record_voltage(sample_ms=0.5, compartment=("dendrite", "soma")):
        yield env.run(60.0)
        env.record_voltage("EXC", sample_ms=0.5, compartment="dendrite")
        env.set_cells(cells(2, seed=4), cultures=[0, 2]).set_noise({"INH-tau_i": [4.0]}, cultures=[1])
        yield env.run(60.0)
        yield env.run(60.0, cultures=[0, 1])
        env.set_params({"depression-EXC-U": [0.9, 0.2]}, cultures=[0, 1])
        yield env.clear(seed=[1, 2, 3]).run(60.0)


def main(backend, path, comm):
    """Run all; the first rank writes the merged recordings."""
    runs = [*(batch(comm) if backend == "native" else one(comm))]
    with Env(predefined("EI1"), comm=comm, backend=backend).init() as env:
        merged = [GatherAndMerge(run.duration_ms).decode(env, run) for run in runs]
    if comm is None or comm.rank == 0:
        with open(path, "wb") as file:
            pickle.dump([{name: getattr(run, name) for name in run.__dataclass_fields__} for run in merged], file)


if __name__ == "__main__":
    world = None
    if len(sys.argv) > 3:
        from mpi4py import MPI

        world = MPI.COMM_WORLD
    main(sys.argv[1], sys.argv[2], world)
