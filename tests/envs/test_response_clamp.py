"""The response clamp, on steps made by hand and on the culture itself."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from tasking import make_task, take

import livn_gym
from livn_gym.envs.tasks import Measurement
from livn_gym.envs.tasks.response_clamp import Responses
from livn_gym.errors import InvalidInput
from livn_gym.recording import Recording

FOUND = Responses((2, 5, 9), (10.0, 3.0, 20.0))


@pytest.fixture
def create(fake):
    with livn_gym.make("EI2", backend="fake") as env:

        def one(seed=0, found=FOUND, **options):
            task = make_task(env, "response_clamp", **options)
            task.setup = replace(task.setup, calibrated=found)
            task.reset(np.random.default_rng(seed))
            return task

        yield one


def step(number, t, action=-1.0):
    """A step of 500 ms with spikes at these times."""
    t = np.asarray(t, dtype=np.float64)
    none = np.zeros(len(t), dtype=np.int64)
    recording = Recording(0.0, 500.0, 0.05, 0.05, 1, spike_culture=none, spike_gid=none, spike_t=t)
    empty = np.zeros(0)
    return Measurement(recording, empty, empty, 0.0, 0.0, empty, 0.0, 500.0 * number, np.array([action], np.float32))


def test_a_response_is_more_spikes_in_the_window_than_the_threshold(create):
    task = create(found=Responses((5,), (3.0,)), target=0.5, pulses=4)
    assert task.observe(None).tolist() == [0.5, 0.0, 0.0, 0.0, -1.0]
    assert task.to_command(np.array([0.5], np.float32)).tolist() == [-1.0] * 5 + [0.5] + [-1.0] * 10
    reward, ended = take(task, step(1, [1.0, 4.9, 5.0, 6.0, 99.9, 100.0, 400.0], 0.5))  # three count
    assert (reward, ended) == (-0.5 / 4, False)
    assert task.observe(None).tolist() == [0.5, 0.0, 1.0, 0.0, 0.5]
    reward, _ = take(task, step(2, [5.0] * 4))
    assert reward == 0.0
    assert task.info(None) == {
        "target_response": 0.5,
        "response": 1.0,
        "response_probability": 0.5,
        "error": 0.0,
        "electrode": 5.0,
        "threshold": 3.0,
    }
    for number in range(3, 7):
        reward, _ = take(task, step(number, []))
    assert reward == -0.5  # the response is more than four pulses ago
    take(task, step(7, [50.0] * 60))
    assert task.observe(None)[2] == 4.0  # the bound


def test_targets_change_in_time_and_responses_are_compared_with_theirs(create):
    task = create(target=[0.2, 0.8], period_ms=1000.0, pulses=4)
    first = task.target
    take(task, step(1, []))
    assert task.target == first
    take(task, step(2, []))
    second = task.target
    assert second != first and 0.2 <= second <= 0.8
    reward, _ = take(task, step(3, []))
    assert reward == pytest.approx(-(2 * first + second) / 4)


def test_every_episode_draws_an_electrode_and_targets(create):
    task = create()
    drawn = set()
    for seed in range(60):
        task.reset(np.random.default_rng(seed))
        drawn.add((task.electrode, task.threshold))
        assert 0.3 <= task.target <= 0.6
    assert drawn == set(zip(*FOUND, strict=True))
    task.reset(np.random.default_rng(3))
    again = create(seed=3)
    assert (task.electrode, task.target) == (again.electrode, again.target)


def test_the_calibration_finds_the_electrodes_that_evoke_most(create):
    task = create()
    commands = task.calibration
    assert commands.shape == (64, 16) and ((commands == 1.0).sum(axis=1) == 1).all()
    electrodes = commands.argmax(axis=1)
    # spikes by electrode in the window; one spontaneous spike in the window before the next pulse
    measured = [step(k + 1, [20.0] * (2 * electrode) + [450.0]) for k, electrode in enumerate(electrodes)]
    best = sorted(set(electrodes.tolist()))[4:]
    found = task.calibrated(measured)
    assert found.electrodes == tuple(best)
    assert found.thresholds == tuple((2.0 * electrode + 1.0) / 2.0 for electrode in best)
    assert create(electrode=7).tried.tolist() == [7]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("electrode", 16),
        ("electrode", "all"),
        ("pulses", 0),
        ("window_ms", 20.0),
        ("window_ms", [50.0, 20.0]),
        ("window_ms", [5.0, 300.0]),
        ("target", [0.5, 0.2]),
        ("target", 1.5),
        ("target", [0.1, 0.2, 0.3]),
        ("period_ms", -1.0),
    ],
)
def test_options_out_of_range_are_refused(create, option, value):
    with pytest.raises(InvalidInput, match=option):
        create(**{option: value})


@pytest.mark.slow
def test_the_network_responds_to_the_strongest_pulses_and_not_without_synapses():
    shares = {}
    for conditions in (None, "synapses_cut"):
        env = gym.make("livn/EI2-ResponseClamp-v0", conditions=conditions)
        for action in (-1.0, 1.0):
            _, first = env.reset(seed=1)
            responses = [env.step(np.array([action], np.float32))[4]["response"] for _ in range(20)]
            shares[conditions, action] = np.mean(responses), first["electrode"], first["threshold"]
        env.close()
    assert shares[None, 1.0][0] > shares[None, -1.0][0]
    assert shares["synapses_cut", 1.0][0] == 0.0
    assert shares["synapses_cut", 1.0][1:] == shares[None, 1.0][1:]  # calibrated without the condition
