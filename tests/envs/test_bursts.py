"""The tasks on bursting cultures, on steps made by hand and on the culture itself."""

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task, take

import livn_gym
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.bursts import bin_rates
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording

CELLS = 100


@pytest.fixture
def create(fake):
    with livn_gym.make("EI2", backend="fake") as env:

        def one(name, **options):
            task = make_task(env, name, **options)
            task.reset(np.random.default_rng(0))
            return task

        yield one


def step(recorded, number, rates_hz, step_ms, charge_fraction=0.0, action=0.0):
    """A step in whose bins of 50 ms a cell fires at these mean rates."""
    spikes = [round(rate * CELLS * 0.05) for rate in rates_hz]
    t = np.concatenate([np.linspace(50.0 * k, 50.0 * k + 49.0, n) for k, n in enumerate(spikes)])
    recording = recorded(np.arange(len(t)) % CELLS, t, step_ms)
    none, rate_hz = np.zeros(0), len(t) / CELLS / step_ms * 1e3
    return Measurement(
        recording, none, none, rate_hz, rate_hz, none, charge_fraction, number * step_ms, np.array([action])
    )


@pytest.fixture
def recorded():
    def one(gid, t, duration_ms):
        culture = np.zeros(len(t), dtype=np.int64)
        return Recording(0.0, duration_ms, 0.05, 0.05, 1, spike_culture=culture, spike_gid=gid, spike_t=t)

    return one


def test_rates_of_bins(recorded):
    given = [0.0, 12.0, 70.0, 4.0]
    assert bin_rates(step(recorded, 1, given, 200.0), 200.0, CELLS) == pytest.approx(given)


def test_suppression_pays_for_bursts_and_charge(create, recorded):
    task = create("burst_suppression", burst_cost=10.0, charge_cost=0.3)
    reward, ended = take(task, step(recorded, 1, [5.0, 70.0, 80.0, 5.0], 200.0, charge_fraction=0.5))
    assert reward == pytest.approx(-10.0 * 2 / 4 - 0.3 * 0.5)
    assert not ended
    assert task.info(None) == {"burst_share": 0.5, "bursts": 1.0, "peak_hz": pytest.approx(80.0)}
    assert task.observe(None) == pytest.approx([80.0, 0.05])
    assert take(task, step(recorded, 2, [18.0] * 4, 200.0))[0] == 0.0
    assert task.observe(None) == pytest.approx([18.0, 0.25])


def test_a_burst_over_two_steps_is_one_and_a_seizure_is_no_way_out(create, recorded):
    task = create("burst_suppression")
    take(task, step(recorded, 1, [5.0, 5.0, 5.0, 70.0], 200.0))
    take(task, step(recorded, 2, [70.0, 5.0, 70.0, 5.0], 200.0))
    assert task.info(None)["bursts"] == 0.0  # one bin below the threshold does not end it
    take(task, step(recorded, 3, [5.0, 5.0, 70.0, 5.0], 200.0))
    assert task.info(None)["bursts"] == 1.0
    reward, _ = take(task, step(recorded, 4, [40.0] * 4, 200.0))
    assert reward == -task.options.burst_cost


def test_a_pulse_into_a_burst_earns_nothing(create, recorded):
    task = create("stimulus_timing")
    take(task, step(recorded, 1, [5.0, 5.0, 5.0, 5.0, 70.0], 250.0, action=-1.0))
    assert take(task, step(recorded, 2, [80.0, 80.0, 5.0, 5.0, 5.0], 250.0, action=1.0))[0] == 0.0


@pytest.mark.parametrize("name", ["burst_suppression", "stimulus_timing"])
def test_a_step_that_is_no_whole_number_of_bins_is_refused(create, name):
    with pytest.raises(InvalidInput, match="50 ms"):
        create(name, step_ms=125.0, encoding={"name": "pulse_amplitude", "rate_hz": 8.0})


def test_timing_rewards_the_response_and_counts_trials(create, recorded):
    task = create("stimulus_timing", trials=3, full_response=10.0)
    assert task.action_space.shape == (1,)
    for action in (-0.2, 0.5):  # not above 0.5, so it waits
        assert (task.to_command(np.array([action])) == -1.0).all()
    assert take(task, step(recorded, 1, [5.0] * 5, 250.0, action=-0.2)) == (0.0, False)
    assert task.observe(None) == pytest.approx([1.0, 0.25, 0.0, 0.0])
    interruption = step(recorded, 2, [5.0, 70.0, 70.0, 5.0, 10.0], 250.0, action=0.5)
    assert take(task, interruption) == (0.0, False)
    assert task.observe(None) == pytest.approx([2 / 3, 0.0, 0.0, 1.0])
    pulse = task.to_command(np.array([0.7]))
    assert pulse[5] == 1.0 and (np.delete(pulse, 5) == -1.0).all()
    reward, ended = take(task, step(recorded, 3, [80.0, 80.0, 40.0, 0.0, 0.0], 250.0, action=0.7))
    assert (reward, ended) == (pytest.approx(0.2), False)  # 10 spikes of a cell, 8 in the step before
    assert task.info(None) == {"response": pytest.approx(2.0), "pulse": 1.0, "interruptions": 0.0, "trials": 2.0}
    assert take(task, step(recorded, 4, [80.0, 0.0, 0.0, 0.0, 0.0], 250.0, action=-1.0)) == (0.0, True)
    assert task.observe(None) == pytest.approx([0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("burst_suppression", "burst_cost", -1.0),
        ("burst_suppression", "charge_cost", float("nan")),
        ("stimulus_timing", "strength", 1.5),
        ("stimulus_timing", "trials", 0),
        ("stimulus_timing", "electrode", -1),
        ("stimulus_timing", "full_response", 0.0),
    ],
)
def test_a_wrong_option_is_named(create, name, option, value):
    with pytest.raises(InvalidInput, match=option):
        create(name, **{option: value})


@pytest.mark.slow
def test_distributed_stimulation_suppresses_the_bursts_of_a_culture():
    envs = gym.make_vec("livn/EI2-BurstSuppression-v0", num_envs=4)
    shares = {}
    for level in (-1.0, 0.4):  # silence; 10.5 uA on all electrodes in turn
        envs.reset(seed=3)
        infos = [envs.step(np.full((4, 16), level, np.float32))[-1] for _ in range(100)]
        shares[level] = np.mean([info["burst_share"] for info in infos])
    envs.close()
    assert shares[-1.0] > 0.02  # 0.3 bursts of 170 ms a second are 0.05
    assert shares[0.4] < shares[-1.0] / 3


@pytest.mark.slow
def test_a_culture_answers_more_after_a_longer_wait():
    envs = gym.make_vec("livn/EI2-StimulusTiming-v0", num_envs=8)
    response = {}
    for wait_s in (0.5, 2.0):
        observations, _ = envs.reset(seed=3)
        answers, pulses = 0.0, 0.0
        for _ in range(60):
            act = np.where(observations[:, -3:-2] >= wait_s - 1e-6, 1.0, -1.0)
            observations, _, _, _, info = envs.step(act.astype(np.float32))
            answers, pulses = answers + info["response"].sum(), pulses + info["pulse"].sum()
        response[wait_s] = answers / pulses
    envs.close()
    assert response[2.0] > 1.5 * response[0.5]
