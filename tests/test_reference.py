"""Every snippet of the reference page for ``Env``, in its order and in one namespace.

The code is the page's with ``livn_gym`` for ``livn`` and three changes: the literal ``...`` of its dictionaries is
left out, its ``some_...`` are defined, and its stimulus of 10 neurons meets a culture of 10 neurons (EI1); on EI2,
which has 100, it must raise. Its MPI snippet is tried with real ranks in tests/mpi/test_culture.py.
"""

import numpy as np
import pytest

from livn_gym.encoding import PulseAmplitude
from livn_gym.env import Env
from livn_gym.errors import ClosedError, InvalidInput
from livn_gym.system import predefined

MAKE = """
from livn_gym import make
env = make("EI2")
"""

CONSTRUCT = """
from livn_gym.env import Env
from livn_gym.system import predefined
from livn_gym.io import MEA
from livn_gym.models.rcsd import ReducedCalciumSomaDendrite
system = predefined("EI2")
model = ReducedCalciumSomaDendrite()
io = MEA()
env = Env(system, model=model, io=io, seed=42).init()
env.apply_model_defaults()
"""

RECORD = """
# Record spike times for all populations
env.record_spikes()
# Record voltage traces (membrane potential)
env.record_voltage()
# Record membrane currents (for LFP estimation)
env.record_membrane_current()
"""

RECORD_POPULATIONS = """
env.record_spikes("EXC") # only excitatory cells
env.record_voltage(["EXC", "INH"]) # multiple populations
"""

RUN = """
it, t, iv, v, im, mp = env.run(duration=100)
"""

STIMULATE = """
from livn_gym.stimulus import Stimulus
import numpy as np
# Direct current injection: 100 timesteps, 10 neurons
stim = Stimulus(array=np.random.randn(100, 10) * 0.1, dt=1.0)
it, t, *_ = env.run(100, stimulus=stim)
"""

CONTINUE = """
# First 100ms: no stimulus
env.run(100)
# Next 100ms: with stimulus
env.run(100, stimulus=stim)
"""

CLEAR = """
# Reset to t=0
env.clear()
"""

CALL = """
from livn_gym.decoding import MeanFiringRate
result = env(
decoding=MeanFiringRate(duration=1000),
inputs=some_features,
encoding=some_encoding,
)
"""

SET = """
# Apply tuned defaults for the system
env.apply_model_defaults()
# Or set explicitly
env.set_weights({"EXC_EXC-hillock-AMPA-weight": 0.5})
env.set_noise({"g_e0": 1.0, "std_e": 0.3})
# Combined via params dict
env.set_params({"weight-EXC_EXC-hillock-AMPA-weight": 0.5, "noise-g_e0": 1.0})
"""

SEED = """
env = Env(system, seed=42).init()
"""

CLOSE = """
env.close()
"""


class Communicator:
    """What an Env asks of a communicator."""

    def __init__(self, size):
        self.size = size

    def Get_size(self):
        return self.size

    def Get_rank(self):
        return 0


def test_the_page_from_top_to_bottom(monkeypatch):
    np.random.seed(0)  # the page draws from the global generator
    page, envs = {}, []

    def run(snippet):
        exec(snippet, page)
        if page["env"] not in envs:
            envs.append(page["env"])

    try:
        run(MAKE)
        assert page["env"].system.num_neurons == 100
        assert list(page["env"].run(1)) == [None] * 6  # nothing is recorded until told
        run(CONSTRUCT)
        env = page["env"]
        assert env.seeds == [42] and env.io.num_channels == 16
        run(RECORD)
        run(RECORD_POPULATIONS)
        run(RUN)
        it, t, iv, v, im, mp = (page[name] for name in ("it", "t", "iv", "v", "im", "mp"))
        assert it.shape == t.shape and np.issubdtype(it.dtype, np.integer)
        assert len(t) > 0 and (t >= 0).all() and (t < 100).all() and (it < 80).all()
        assert np.array_equal(iv, np.arange(100)) and v.shape == (100, 4000)
        assert np.array_equal(im, np.arange(100)) and mp.shape == (100, 4000)

        with pytest.raises(InvalidInput, match="100 columns, one for each cell, got 10"):
            run(STIMULATE)
        page["env"] = page["Env"](page["predefined"]("EI1"), seed=42).init().apply_model_defaults()
        page["env"].record_spikes()
        run(STIMULATE)
        assert page["env"].t == 100 and (page["t"] < 100).all()
        run(CONTINUE)
        assert page["env"].t == 300
        run(CLEAR)
        assert page["env"].t == 0

        page["env"] = env
        page["some_features"], page["some_encoding"] = np.zeros(16), PulseAmplitude()
        run(CALL)
        assert page["result"]["rates_hz"].shape == (100,)
        # 7.5 uA on every electrode at 20 Hz: far above the 3 Hz or so of a culture by itself
        assert page["result"]["rate_hz"] > 6.0
        run(SET)
        assert env.parameters.weights["EXC_EXC-hillock-AMPA-weight"] == 0.5
        assert all((noise.g_e0, noise.std_e) == (1.0, 0.3) for noise in env.parameters.noise.values())
        run(SEED)
        assert page["env"] is not env and page["env"].seeds == [42]
        run(CLOSE)
        with pytest.raises(ClosedError):
            page["env"].run(1)
    finally:
        for env in envs:
            env.close()


def test_a_communicator_of_one_rank_is_no_mpi():
    with Env(predefined("EI1"), comm=Communicator(1), subworld_size=1).init() as env:
        env.run(1)
        assert env.t == 1
