"""EI2 in NEURON or CoreNEURON, for ``children.Child``: ``neuron_child.py backend|psolve|coreneuron DT SCHEME``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from children import serve, take_output, timed

from livn_gym.backends import CultureSpec
from livn_gym.backends.neuron.compile import mechanism_library
from livn_gym.backends.neuron.culture import Culture
from livn_gym.backends.neuron.simulator import Mechanisms
from livn_gym.models import ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording_request import RecordingRequest
from livn_gym.system import make

SETTLE_MS = 100.0
COMPARED_MS = 500.0


def main() -> None:
    """Build the culture, say its first spikes, and run as asked."""
    mode, dt_ms, scheme = sys.argv[1], float(sys.argv[2]), sys.argv[3]
    answers = take_output()
    system = make("EI2")
    spec: Any = CultureSpec(system, ReducedCalciumSomaDendrite(), dt_ms, scheme, 1, "float64")
    # CoreNEURON wants NEURON to have loaded the very same mechanisms.
    own = os.environ.get("CORENEURONLIB")
    culture = Culture(
        spec,
        Mechanisms(Path(own).with_name(Path(own).name.replace("corenrnmech", "nrnmech")), "")
        if own
        else mechanism_library(),
    )
    culture.set_parameters(ParameterSet(system).updated(tuned(system)).frozen())
    if mode == "coreneuron":
        from neuron import coreneuron

        coreneuron.enable, coreneuron.verbose = True, 0
    culture.h.CVode().cache_efficient(True)
    culture.pc.set_maxstep(10)
    culture.reset(NoiseStream(0))
    request = RecordingRequest(spike_gids=system.gids())

    def run(duration_ms: float) -> list[list[float]]:
        if mode == "backend":
            recording = culture.run(round(duration_ms / dt_ms), None, request)
            return [recording.spike_gid.tolist(), recording.spike_t.tolist()]
        culture.pc.psolve(culture.h.t + duration_ms)
        _, gid, t = culture._spikes(round(duration_ms / dt_ms), request)
        culture._run_t = culture.h.t
        return [gid.tolist(), t.tolist()]

    run(SETTLE_MS)
    serve(answers, {"spikes": run(COMPARED_MS)}, lambda duration_ms: timed(lambda: run(duration_ms))._asdict())


if __name__ == "__main__":
    main()
