"""Measures of the response to stimulation, on spike trains with a known answer."""

import math
from dataclasses import replace

import numpy as np
import pytest

from livn_gym.env import Env
from livn_gym.recording import Recording
from livn_gym.system import make
from livn_gym.tuning import Observation, Protocol
from livn_gym.tuning.response import (
    EVOKED_SPIKES,
    LOCAL_UM,
    blanked_range,
    cells_near,
    chance_share,
    evoked_maps,
    evoked_spikes,
    local_evoked_spikes,
    responses,
    rest_rates_hz,
)

PROTOCOL = Protocol(groups=4, cut_ms=0.0, device_ms=0.0)
CELLS = 100


@pytest.fixture
def env(poisson):
    with Env(make("EI2"), num_cultures=2).init() as env:
        yield env


def regular(rates_hz, seconds, from_ms=10.0, to_ms=50.0):
    """Each culture's pooled spikes at equal distances, in a window after every group's pulse."""
    parts = []
    for b, rate_hz in enumerate(rates_hz):
        pulses = round(seconds * 20)
        spikes = round(rate_hz * CELLS / 20)
        t = (50.0 * np.arange(pulses)[:, None] + np.linspace(from_ms, to_ms, spikes, endpoint=False)).ravel()
        parts.append((np.full(len(t), b), np.arange(len(t)) % CELLS, t))
    culture, gid, t = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.lexsort((gid, t, culture))
    return Recording(0.0, seconds * 1e3, 0.05, 0.05, len(rates_hz), culture[order], gid[order], t[order])


def observed(env, rest_hz, top_hz, **changes):
    protocol = changes.pop("protocol", PROTOCOL)
    return Observation(env, protocol, regular(rest_hz, 60.0), regular(top_hz, 30.0), **changes)


def test_range_and_steadiness_are_those_of_the_trains(env):
    seen = observed(env, (2.0, 4.0), (8.0, 8.0))
    first, second = responses(seen)
    assert rest_rates_hz(seen).tolist() == [2.0, 4.0]
    behind_3ms, behind_5ms = (8.0 / (1.0 - lost / 50.0) for lost in (3.4, 5.4))
    assert first["blanked_hz"] == second["blanked_hz"] == pytest.approx(behind_3ms)
    assert (first["range_3ms"], second["range_3ms"]) == pytest.approx((behind_3ms / 2.0, behind_3ms / 4.0))
    assert first["range_5ms"] == pytest.approx(behind_5ms / 2.0)
    assert blanked_range(seen) == pytest.approx(behind_3ms / 3.0)
    assert first["sustained"] == pytest.approx(1.0)
    assert first["direct_share"] == 0.0


def test_a_response_that_wanes_is_seen(env):
    first, last = regular((9.0, 9.0), 15.0), replace(regular((3.0, 3.0), 15.0), t0_ms=15_000.0)
    waning = replace(observed(env, (3.0, 3.0), (9.0, 9.0)), sustained=Recording.concat([first, last]))
    assert responses(waning)[0]["sustained"] == pytest.approx(1.0 / 3.0)


def test_direct_spikes_do_not_count_behind_blanking(env):
    direct = replace(observed(env, (3.0, 3.0), (3.0, 3.0)), sustained=regular((12.0, 12.0), 30.0, 0.5, 1.0))
    values = responses(direct)[0]
    assert values["blanked_hz"] == values["range_3ms"] == 0.0
    assert values["direct_share"] == 1.0


@pytest.mark.parametrize(
    ("rates_hz", "fall"), [((3, 4, 6, 9), 0.0), ((3, 4, 9, 7), 2 / 6), ((3, 2, 6, 9), 1 / 6), ((3, 3, 3, 3), math.nan)]
)
def test_the_fall_of_a_curve_is_that_below_an_earlier_maximum(env, rates_hz, fall):
    curve = np.repeat(np.array(rates_hz, dtype=float)[:, None], 3, axis=1)
    seen = observed(env, (3.0, 3.0), (9.0, 9.0), curve_hz=np.stack([curve - 1.0, curve + 1.0]))
    assert responses(seen)[0]["curve_fall"] == pytest.approx(fall, nan_ok=True)


def test_the_steadiness_is_that_of_the_worst_level_which_raises_the_rate(env):
    seconds = np.full((2, 4, 5), 3.0)
    seconds[:, 1, ::2] += 1.4  # less than 1.5 times the rate at rest
    seconds[:, 2] = [[4.0] * 5, [8.0] * 5]  # 6 Hz, SD 2 Hz between cultures
    seconds[:, 3] = [8.0, 10.0, 9.0, 9.0, 9.0]
    seen = observed(env, (3.0, 3.0), (9.0, 9.0), level_seconds_hz=seconds)
    assert responses(seen)[0]["second_cv"] == responses(seen)[1]["second_cv"] == pytest.approx(1.0 / 3.0)
    steady = replace(seen, level_seconds_hz=seconds[:, [0, 1, 3]])
    assert responses(steady)[0]["second_cv"] == pytest.approx(np.sqrt(0.4) / 9.0)


@pytest.mark.parametrize("seconds", [np.full((2, 3, 5), 4.4), np.full((2, 3, 3), 9.0), np.zeros((2, 3, 0))])
def test_the_steadiness_is_undefined_without_a_raised_rate_or_with_few_seconds(env, seconds):
    seen = observed(env, (3.0, 3.0), (9.0, 9.0), level_seconds_hz=seconds)
    assert math.isnan(responses(seen)[0]["second_cv"])


def test_the_gain_of_the_cut_copy_is_relative_to_the_intact(env):
    cut = observed(env, (1.0, 1.0), (2.0, 1.0))
    intact = observed(env, (2.0, 2.0), (8.0, 2.0), cut=cut)
    first, second = responses(intact)
    lost = 1.0 - 3.4 / 50.0
    assert first["cut_gain"] == pytest.approx((2.0 / lost - 1.0) / (8.0 / lost - 2.0))
    same = responses(replace(intact, sustained=regular((1.8, 1.8), 30.0)))[0]
    assert math.isnan(same["cut_gain"])  # without a gain there is nothing to compare with
    assert math.isfinite(second["cut_gain"])


def test_evoked_spikes_are_those_above_the_spontaneous_ones(env):
    evoked = np.zeros((2, 4, 3, CELLS), dtype=int)  # of 100 cells at 2 Hz, 19 fire in 95 ms spontaneously
    evoked[:, :, 0, :49] = 1
    evoked[:, :, 1, :24] = 1
    seen = observed(env, (2.0, 2.0), (8.0, 8.0), electrodes=np.array([0, 7, 15]), evoked=evoked)
    assert evoked_spikes(seen, evoked) == pytest.approx([30.0, 5.0, -19.0])
    assert evoked_maps(seen)[0] == pytest.approx(np.where(np.arange(CELLS) < 49, 0.81, -0.19), abs=0.02)
    values = responses(seen)[0]
    assert EVOKED_SPIKES == 10.0 and values["evoked_share"] == pytest.approx(1 / 3)
    assert values["evoked_spikes"] == pytest.approx(16.0 / 3.0)
    assert values["evoked_chance"] == 0.0  # the rest is regular
    assert "evoked_cut" not in values and "device_evoked_share" not in values


def test_a_local_response_counts_by_the_cells_near_its_electrode(env):
    electrodes = np.array([0, 15])
    seen = observed(env, (2.0, 2.0), (8.0, 8.0), electrodes=electrodes, evoked=np.zeros((2, 4, 2, CELLS), dtype=int))
    near = cells_near(seen)
    soma = env.electrodes.geometry.soma_um
    assert near[1, 7] == (math.dist(soma[7, :2], env.system.electrodes[15, :2]) <= LOCAL_UM)
    assert 0 < near.sum(axis=1).max() < CELLS
    seen.evoked[:, :, 0, near[0]] = 1  # spontaneously 0.19 per cell
    values = responses(seen)[0]
    assert local_evoked_spikes(seen) == pytest.approx([81.0, -19.0], abs=2.0)
    assert values["local_evoked_share"] == 0.5 and values["local_evoked_chance"] == 0.0


def test_the_chance_of_evoking_follows_from_the_rest(env):
    """Windows with 0 or 40 spikes per 100 cells: a mean over two, 10 above that over all, in one of four draws."""
    t = np.sort(np.tile(np.arange(0.0, 57_000.0, 190.0), 40) + 1.0)
    rest = Recording(0.0, 57_000.0, 0.05, 0.05, 1, np.zeros(len(t), int), np.arange(len(t)) % CELLS, t)
    with Env(make("EI2")).init() as one:
        seen = Observation(one, PROTOCOL, rest, rest, evoked=np.zeros((1, 2, 3, CELLS), dtype=int))
        assert chance_share(seen) == pytest.approx(0.25, abs=0.1)


def test_the_place_is_decoded_in_each_culture_alone(env):
    place = np.random.default_rng(3).poisson(2.0, (2, 8, 4, 16))
    place[0] += 9 * np.repeat(np.eye(4, dtype=int), 4, axis=1)
    seen = observed(env, (3.0, 3.0), (9.0, 9.0), place=place)
    first, second = responses(replace(seen, cut=observed(env, (1.0, 1.0), (1.0, 1.0), place=place[::-1])))
    assert first["place"] == 1.0 == second["place_cut"]
    assert second["place"] == first["place_cut"] < 0.6


def test_devices_are_judged_by_their_own_pulses(env):
    device = regular((6.0, 6.0), 10.0, 3.5, 50.0)
    protocol = replace(PROTOCOL, device_ms=10_000.0)
    evoked = np.full((2, 1, 2, CELLS), 1)
    seen = observed(env, (3.0, 3.0), (9.0, 9.0), protocol=protocol, device=device, evoked=evoked, device_evoked=evoked)
    values = responses(seen)[0]
    kept = (device.spikes[2] % 50.0 >= 4.0).mean()  # phases of 0.5 ms, and 3 ms
    assert values["device_range_3ms"] == pytest.approx(6.0 * kept / (1.0 - 4.0 / 50.0) / 3.0)
    assert values["device_evoked_spikes"] == pytest.approx(100.0 - 3.0 * 9.5)
    assert values["device_evoked_share"] == 1.0
