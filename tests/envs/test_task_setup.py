"""Tasks on interfaces of one's own: other numbers of channels, and electrodes without positions."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from livn_gym.encoding import PulseAmplitude
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.tasks import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.io import MEA

pytestmark = pytest.mark.usefixtures("fake")

ELECTRODES_UM = [[100.0, 100.0, 0.0], [300.0, 100.0, 0.0], [200.0, 300.0, 0.0]]


class Nowhere(MEA):
    """An array that does not say where its electrodes are."""

    @property
    def coordinates_um(self):
        return None


@pytest.mark.parametrize("name", ["discrimination", "cart_pole", "pong"])
def test_tasks_on_a_plane_refuse_electrodes_without_positions(name):
    with pytest.raises(InvalidInput, match="electrodes in a plane"):
        LoopSpec.of("EI2", name, io=Nowhere()).make()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rate_tracking", {}),
        ("pattern_tracking", {"demonstration_ms": 1500.0}),
        ("burst_suppression", {}),
        ("stimulus_timing", {"electrode": 2}),
        ("response_clamp", {}),
        ("discrimination", {"weights": [1.0, -1.0, 0.0]}),
    ],
)
def test_tasks_follow_the_channels_of_the_array(name, options):
    with gym.make("livn/Culture-v0", system="EI2", task=name, io=MEA(ELECTRODES_UM), settle_ms=400.0, **options) as env:
        observation, info = env.reset(seed=1)
        assert observation in env.observation_space
        task = env.unwrapped._loop.tasks[0]
        assert task.setup.commands.shape == task.setup.features.shape == (3,)
        if name == "response_clamp":
            assert task.tried.tolist() == [0, 1, 2] and int(info["electrode"]) in task.setup.calibrated.electrodes
        observation, *_ = env.step(env.action_space.sample())
        assert observation in env.observation_space


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("stimulus_timing", {}, "electrode must be below 3"),
        ("response_clamp", {"electrode": 3}, "electrode must be below 3"),
        ("discrimination", {"weights": [1.0]}, "for each of 3 channels"),
    ],
)
def test_options_that_the_array_does_not_have_are_refused(name, options, message):
    with pytest.raises(InvalidInput, match=message):
        LoopSpec.of("EI2", name, io=MEA(ELECTRODES_UM), **options).make()


class Unbounded(PulseAmplitude):
    def action_space(self, view):
        return spaces.Box(-np.inf, np.inf, (view.electrodes.num_channels,), np.float32)


class Square(PulseAmplitude):
    def action_space(self, view):
        return spaces.Box(-1.0, 1.0, (4, 4), np.float32)


@pytest.mark.parametrize("encoding", [Unbounded(), Square()])
def test_commands_are_a_bounded_box_of_one_axis(encoding):
    with pytest.raises(InvalidInput, match="bounded one-dimensional Box"):
        LoopSpec.of("EI2", "rate_tracking", encoding=encoding).make()


def test_steps_per_second():
    for step_ms, steps in ((50.0, 20), (200.0, 5), (1000.0, 1)):
        spec = LoopSpec.of("EI1", "rate_tracking", step_ms=step_ms)
        loop = spec.make()
        setup = loop.tasks[0].setup
        assert isinstance(setup, TaskSetup) and (setup.step_ms, setup.steps_per_second) == (step_ms, steps)
        loop.close()
