"""What a culture does, alone or shared by ranks, pickled by the first: ``culture_script.py BACKEND FILE [mpi]``."""

import pickle
import sys

import numpy as np

from livn_gym.decoding import GatherAndMerge, MeanFiringRate, Pipe
from livn_gym.env import Env
from livn_gym.stimulus import Stimulus
from livn_gym.system import predefined


def arrays(recording):
    """A recording as plain arrays."""
    return {name: getattr(recording, name) for name in recording.__dataclass_fields__}


def small(backend, comm):
    """EI1: traces at every step, currents into cells, a restart, one recorded population."""
    with Env(predefined("EI1"), comm=comm, backend=backend, seed=5).init() as env:
        env.apply_model_defaults().record_spikes().record_voltage().record_membrane_current()
        push = np.zeros((8, env.system.num_neurons))
        push[2:4] = np.linspace(0.2, 1.0, env.system.num_neurons)
        yield env.run(20, Stimulus(array=push, dt=1.0))
        yield env.run(7.5, Stimulus(array=push, dt=0.5, mode="conductance"))
        env.record_voltage("INH")
        yield env.clear().run(5)
        env.record_spikes(gids=[7, 0]).record_membrane_current(gids=[3])  # some ranks record no cell of theirs
        env.record_voltage(gids=[9, 0, 4], compartment=("dendrite", "soma"), sample_ms=0.5)
        yield env.run(20, Stimulus(array=push, dt=1.0))


def whole(backend, comm):
    """EI2: electrodes, noise of its own, depression, a slow sample, several runs."""
    with Env(predefined("EI2"), comm=comm, backend=backend, seed=11).init() as env:
        env.apply_model_defaults().record_spikes()
        env.set_params({"noise-EXC-std_e": 3.0, "depression-EXC-U": 0.4, "depression-EXC-tau_rec": 300.0})
        pulses = np.zeros((200, env.system.num_channels))
        pulses[20:22], pulses[22:24], pulses[120:130, ::3] = 8.0, -8.0, 5.0
        yield env.run(100, Stimulus(array=pulses, dt=0.2, mode="electrode"))
        env.record_voltage(sample_ms=1.0).record_membrane_current()
        yield env.run(150)
        yield env.clear(seed=12).run(50)


def batch(comm):
    """Two cultures of the native engine in float32, of which one runs on; saved, and put back."""
    with Env(predefined("EI2"), comm=comm, seed=1, num_cultures=2, profile="fast").init() as env:
        env.apply_model_defaults().record_spikes().record_voltage(sample_ms=1.0)
        yield env.run(50)
        yield env.run(50, cultures=[1])
        state = env.save_state()
        yield env.run(50)
        env.load_state(state)
        yield env.run(50)


def main(backend, path, comm):
    """Run all; the first rank writes what all recorded, the parts of the others put to its own."""
    found = []
    runs = [*small(backend, comm), *whole(backend, comm), *(batch(comm) if backend == "native" else [])]
    with Env(predefined("EI2"), comm=comm, backend=backend, seed=2).init() as env:
        for run in runs:
            merged = GatherAndMerge(run.duration_ms).decode(env, run)
            found.append(None if merged is None else arrays(merged))
        env.apply_model_defaults().record_spikes()
        found.append(arrays(env.run(30, root_only=True)))
        found.append(env(GatherAndMerge(30, MeanFiringRate(30))))
        found.append(env(Pipe([GatherAndMerge(30), MeanFiringRate(30)])))
        own = env.own_gids
        everyones = env.gather(own)
        env.record_membrane_current(sample_ms=1.0)
        run = env.run(10)
        potentials = env.gather(env.electrodes.potential_recording(run))
        seen = {"gids": run.current_gid, "own": own}
    if comm is None or comm.rank == 0:
        found.append(np.sort(np.concatenate(everyones)))
        with open(path, "wb") as file:
            pickle.dump((found, sum(potentials), [len(part) for part in everyones], seen), file)
    else:
        empty = [found[k] for k in range(len(runs))] + [found[-1], found[-2]]
        assert all(result is None for result in empty), empty
        assert found[len(runs)]["spike_gid"] is None


if __name__ == "__main__":
    world = None
    if len(sys.argv) > 3:
        from mpi4py import MPI

        world = MPI.COMM_WORLD
    main(sys.argv[1], sys.argv[2], world)
