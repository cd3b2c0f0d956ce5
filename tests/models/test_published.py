"""The published sets against the figures their papers' equations give."""

import numpy as np
import pytest

from livn_gym.models import BoothRinzelKiehn, PinskyRinzel


def ramp(t):
    """0 -> 25 -> 0 uA/cm2 over 5 s + 5 s."""
    return 25.0 * (1.0 - abs(t - 5000.0) / 5000.0)


def ramp_spikes(simulate, cell, y0=None):
    """Spike times under the ramp; its density is of the soma's own area."""
    unit = cell.density_to_nA(1.0, "soma")
    return simulate(cell, 10_000.0, lambda t: unit * ramp(t), y0=y0)[1]


@pytest.fixture(scope="module")
def published_spikes(simulate):
    return ramp_spikes(simulate, BoothRinzelKiehn.named("published_1997"))


@pytest.fixture(scope="module")
def serotonin_spikes(simulate):
    return ramp_spikes(simulate, BoothRinzelKiehn.named("published_1997_serotonin"))


# A stated figure has two or three digits; the tolerances are one or two units of its last one.


def test_motoneuron_shows_no_hysteresis(published_spikes):
    first, last = ramp(published_spikes[0]), ramp(published_spikes[-1])
    assert published_spikes[0] < 5000.0 < published_spikes[-1]
    assert first == pytest.approx(5.2, abs=0.1)
    assert last == pytest.approx(5.5, abs=0.1)
    assert 1e3 / np.diff(published_spikes).min() == pytest.approx(59.0, abs=1.0)


def test_motoneuron_under_serotonin_fires_until_the_ramp_ends(serotonin_spikes):
    first, last = ramp(serotonin_spikes[0]), ramp(serotonin_spikes[-1])
    # Stated is "near 0.9", from an initial state that is not stated: not met. This holds what is found from rest.
    assert first == pytest.approx(1.25, abs=0.05)
    assert last == pytest.approx(0.0, abs=0.1)
    assert serotonin_spikes[-1] > 9900.0
    assert 1e3 / np.diff(serotonin_spikes).min() == pytest.approx(132.0, abs=1.0)


def test_motoneuron_under_serotonin_fires_on_a_constant_current_from_0_9(simulate):
    cell = BoothRinzelKiehn.named("published_1997_serotonin")
    rest = simulate(cell, 3000.0)[0][-1]
    spikes = {
        density: simulate(cell, 5000.0, cell.density_to_nA(density, "soma"), y0=rest)[1] for density in (0.85, 1.0)
    }
    assert not (spikes[0.85] > 1000.0).any()  # at most one at the onset of the step
    assert (spikes[1.0] > 1000.0).sum() > 3


def test_first_spike_under_serotonin_hangs_on_the_initial_calcium(simulate):
    cell = BoothRinzelKiehn.named("published_1997_serotonin")
    empty = cell.initial_state(-60.0)
    empty[cell.state_names.index("Ca_soma")] = empty[cell.state_names.index("Ca_dendrite")] = 0.0
    assert ramp(ramp_spikes(simulate, cell, empty)[0]) == pytest.approx(0.83, abs=0.05)


def test_pinsky_rinzel_bursts_slowly(simulate):
    cell = PinskyRinzel.named("published_1994")
    spikes = simulate(cell, 4000.0, cell.density_to_nA(0.75, None))[1]
    starts = spikes[1:][np.diff(spikes) > 50.0]
    assert np.diff(starts)[-3:] == pytest.approx(np.full(3, 495.0), abs=1.0)
    assert len(spikes) > len(starts) * 1.5  # more than one spike a burst


def test_pinsky_rinzel_fires_regularly(simulate):
    cell = PinskyRinzel.named("published_1994")
    spikes = simulate(cell, 2000.0, cell.density_to_nA(2.5, None))[1]
    assert np.diff(spikes)[-10:] == pytest.approx(np.full(10, 22.7), abs=0.1)


@pytest.mark.parametrize("name", ["published_1997", "published_1997_serotonin"])
def test_motoneuron_rests_at_v_init(simulate, name):
    cell = BoothRinzelKiehn.named(name)
    y, spikes = simulate(cell, 3000.0)
    assert len(spikes) == 0
    assert y[-1, 0] == pytest.approx(cell.v_init, abs=0.05)


def test_pinsky_rinzel_rests_at_v_init_only_under_the_papers_holding_current(simulate):
    cell = PinskyRinzel.named("published_1994")
    y, spikes = simulate(cell, 15_000.0, cell.density_to_nA(-0.5, None))
    assert len(spikes) == 0
    assert y[-1, 0] == pytest.approx(cell.v_init, abs=0.3)  # the slow afterhyperpolarisation is still fading
    assert len(simulate(cell, 5000.0)[1]) >= 3  # fires by itself, every 1.3 s
