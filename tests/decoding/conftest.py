from types import SimpleNamespace

import numpy as np
import pytest
from cultures import system

from livn_gym.io import MEA, BoundElectrodes
from livn_gym.models import Geometry
from livn_gym.recording import Recording


@pytest.fixture
def env():
    """Four EXC and two INH cells 100 um apart on a line; three electrodes.

    The first electrode records cells 0 and 1, the second cell 3, the third none.
    """
    culture = system(4, 2)
    mea = MEA([[50.0, 0.0, 0.0], [300.0, 0.0, 0.0], [5000.0, 0.0, 0.0]], output_radius=60.0).bind(culture)
    dendrites = culture.positions + np.array([70.0, 0.0, 0.0])
    return SimpleNamespace(
        system=culture,
        electrodes=BoundElectrodes(mea, Geometry(culture.positions, dendrites)),
        num_cultures=1,
        dt=0.1,
        gather=lambda value, root=0: [value],
    )


@pytest.fixture(scope="session")
def recording_of():
    return make_recording


def make_recording(trains, duration_ms=1000.0, dt_ms=0.1, **traces):
    """A recording of as many cultures as there are lists of (gid, t) in ``trains``, sorted as an Env's is."""
    spikes = np.array([(b, gid, t) for b, train in enumerate(trains) for gid, t in train], dtype=float).reshape(-1, 3)
    culture, gid, t = spikes[np.lexsort((spikes[:, 1], spikes[:, 2], spikes[:, 0]))].T
    return Recording(
        t0_ms=0.0,
        duration_ms=duration_ms,
        dt_ms=dt_ms,
        sample_dt_ms=dt_ms,
        num_cultures=len(trains),
        spike_culture=culture.astype(np.int64),
        spike_gid=gid.astype(np.int64),
        spike_t=t,
        **traces,
    )
