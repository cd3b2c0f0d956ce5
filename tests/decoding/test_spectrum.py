import numpy as np
import pytest

from livn_gym.decoding import LFPBandPower, SpectralSlope
from livn_gym.decoding.spectrum import BANDS
from livn_gym.errors import InvalidInput, NotRecorded

SAMPLE_MS = 0.5
TIME_S = np.arange(4000) * SAMPLE_MS / 1000.0


def currents(*waves):
    """A recording's fields: cell 0 carries a wave (nA) in each culture, its dendrite the opposite."""
    soma = np.stack(waves)[:, None, :]
    return {"current_gid": np.array([0]), "current_soma": soma, "current_dendrite": -soma}


def sine(hz, amplitude=1.0):
    return amplitude * np.sin(2 * np.pi * hz * TIME_S)


@pytest.mark.parametrize(
    ("hz", "band"), [(2.0, "delta"), (6.0, "theta"), (10.0, "alpha"), (20.0, "beta"), (60.0, "gamma")]
)
def test_a_sine_shows_in_its_band(env, recording_of, hz, band):
    recording = recording_of([[]], 2000.0, SAMPLE_MS, **currents(sine(hz)))
    power = LFPBandPower(2000)(env, *recording)
    assert power.shape == (3, 5)
    assert power.dtype == np.float32
    potential = env.electrodes.potential_recording(recording)
    expected = potential.max(axis=1) ** 2 / 2
    column = list(BANDS).index(band)
    assert np.allclose(power[:, column], expected, rtol=1e-3)
    # The Hann window spreads a line over its two neighbours only, which lie in the same band.
    assert np.allclose(np.delete(power, column, axis=1), 0.0, atol=1e-6 * expected.max())


def test_band_powers_of_a_batch(env, recording_of):
    recording = recording_of([[], []], 2000.0, SAMPLE_MS, **currents(sine(10.0), sine(20.0, 2.0)))
    decoding = LFPBandPower(2000)
    power = decoding.decode(env, recording)
    assert power.shape == (2, 3, 5)
    for b in range(2):
        assert np.array_equal(power[b], decoding(env, *recording.culture(b)))
    assert np.allclose(power[1, :, 3], 4.0 * power[0, :, 2], rtol=1e-3)  # twice the amplitude
    assert decoding.observation_space(env).contains(power[0])


def test_six_arrays_give_the_same_whichever_compartment_they_show(env, recording_of):
    fields = currents(sine(10.0))
    soma = LFPBandPower(2000)(env, *recording_of([[]], 2000.0, SAMPLE_MS, **fields))
    shown = recording_of([[]], 2000.0, SAMPLE_MS, **fields, current_compartment="dendrite")
    assert np.allclose(LFPBandPower(2000)(env, *shown), soma)


def test_silence_has_no_power(env, recording_of):
    recording = recording_of([[]], 2000.0, SAMPLE_MS, **currents(np.zeros(4000)))
    assert not LFPBandPower(2000)(env, *recording).any()


def test_own_bands(env, recording_of):
    decoding = LFPBandPower(2000, bands={"ripple": (100.0, 200.0)})
    power = decoding(env, *recording_of([[]], 2000.0, SAMPLE_MS, **currents(sine(150.0))))
    assert power.shape == decoding.observation_space(env).shape == (3, 1)
    assert (power > 0.0).all()


def test_what_bands_need(env, recording_of):
    with pytest.raises(NotRecorded, match="record_membrane_current"):
        LFPBandPower(2000)(env, *recording_of([[]], 2000.0))
    with pytest.raises(InvalidInput, match="segment of 1000 ms, the run lasts 500 ms"):
        LFPBandPower(500)
    with pytest.raises(InvalidInput, match="'delta' must rise from at least 2 Hz"):
        LFPBandPower(500, segment_ms=500.0)
    with pytest.raises(InvalidInput, match="must rise"):
        LFPBandPower(2000, bands={"none": (10.0, 10.0)})
    coarse = {name: field if name.endswith("gid") else field[..., ::20] for name, field in currents(sine(2.0)).items()}
    with pytest.raises(InvalidInput, match="samples every 5 ms or more often, got 10 ms"):
        LFPBandPower(2000)(env, *recording_of([[]], 2000.0, 10.0, **coarse))


def test_spectral_slope_of_a_poisson_culture_is_flat(env, recording_of):
    rng = np.random.default_rng(0)
    train = [(gid, t) for gid in range(6) for t in rng.uniform(0.0, 120_000.0, 1200)]
    # 99 frequencies of 119 half-overlapping segments: the slope's standard deviation is about 0.03.
    assert SpectralSlope(120_000)(env, *recording_of([train], 120_000.0)) == pytest.approx(0.0, abs=0.1)


def test_spectral_slope_of_slow_fluctuations_is_negative(env, recording_of):
    rng = np.random.default_rng(0)
    rate, train = 0.0, []
    for k in range(24_000):  # 5 ms bins, a rate with a memory of 500 ms: 1/f**2 above 0.3 Hz
        rate += -0.01 * rate + rng.normal(0.0, 0.15)
        train += [(int(g), 5.0 * k + 1.0) for g in rng.integers(0, 6, rng.poisson(np.exp(1.5 + rate)))]
    assert SpectralSlope(120_000)(env, *recording_of([train], 120_000.0)) < -0.7


def test_spectral_slope_needs_spikes_and_time(env):
    assert np.isnan(SpectralSlope(2000)(env, np.array([], dtype=np.int64), np.array([])))
    with pytest.raises(NotRecorded, match="needs spikes"):
        SpectralSlope(2000)(env, None, None)
    with pytest.raises(InvalidInput, match="segment of 2000 ms, the run lasts 1000 ms"):
        SpectralSlope(1000)
