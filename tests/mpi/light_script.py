"""Runs light and electrodes on ranks, and in rank 0 alone; says whether the spikes are equal."""

import numpy as np
from mpi4py import MPI

import livn_gym
from livn_gym.stimulus import Stimulus

comm = MPI.COMM_WORLD
rows = np.zeros((200, 1))
rows[np.arange(200) % 50 < 10] = 1.0
stimulus = Stimulus.pulse_train([8.0], duration_ms=200.0, rate_hz=20.0).with_light(Stimulus(rows, 1.0, "light"))
options = {"opsin": "williams_2013", "seed": 5, "profile": "fast"}
with livn_gym.make("EI1", comm=comm, **options) as env:
    shared = env.record_spikes().run(200.0, stimulus, root_only=True)
if comm.rank == 0:
    with livn_gym.make("EI1", **options) as env:
        alone = env.record_spikes().run(200.0, stimulus)
    same = np.array_equal(shared.spike_gid, alone.spike_gid) and np.array_equal(shared.spike_t, alone.spike_t)
    print("equal" if same else "different", len(alone.spike_gid))
