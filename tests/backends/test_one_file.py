"""A new cell model is one file: a leaky integrate-and-fire cell, written here, runs on both engines."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

MODEL = """
    from dataclasses import dataclass
    from typing import ClassVar

    from livn_gym.models import Cell, CellStep, ExcitatoryInhibitory


    def G_up(v, v_T, g_up):
        if v < v_T:
            return 0.0
        return g_up


    def conductances(v_s, g_L, J_L, v_T, g_up, v_peak):
        up = G_up(v_s, v_T, g_up)
        return g_L + up, J_L + up * (v_peak + 10.0), g_L, J_L


    def parameters(cell, dt_ms):
        names = ("g_L", "v_T", "g_up", "v_r", "v_peak")
        return {name: getattr(cell, name) for name in names} | {"J_L": cell.g_L * cell.E_L}


    def reset(v_d, v_r):
        return v_r, v_d


    @dataclass(frozen=True)
    class Leaky(Cell):
        config_name: ClassVar[str] = "leaky"
        step = CellStep((), lambda cell: [], parameters, conductances, lambda: (), reset)

        g_L: float = 0.2
        E_L: float = -60.0
        v_T: float = -50.0
        g_up: float = 200.0
        v_r: float = -65.0
        v_peak: float = 0.0


    class LeakyModel(ExcitatoryInhibitory):
        def __init__(self):
            cell = Leaky(100.0, 10.0, 0.5, 1.0, 0.5, -60.0, 0.9)
            super().__init__(cell, cell)
"""

SCRIPT = """
    import sys
    import numpy as np
    from my_leaky import LeakyModel
    from livn_gym import make
    from livn_gym.stimulus import Stimulus

    spikes = {}
    for backend in ("native", "neuron"):
        with make("EI1", model=LeakyModel(), backend=backend, seed=1) as env:
            recording = env.record_spikes().run(300, Stimulus(np.full((1, 10), 0.08), 300.0))
            spikes[f"{backend}_t"], spikes[f"{backend}_gid"] = recording.spike_t, recording.spike_gid
    np.savez(sys.argv[1], **spikes)
"""


@pytest.mark.slow
def test_a_new_cell_runs_on_both_engines(tmp_path):
    (tmp_path / "my_leaky.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "out.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    spikes = np.load(tmp_path / "out.npz")
    assert len(spikes["native_t"]) > 30
    assert np.array_equal(spikes["native_t"], spikes["neuron_t"])
    assert np.array_equal(spikes["native_gid"], spikes["neuron_gid"])
