"""Who makes the environments of a vector environment, and which loop each of them is in."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs import batches
from livn_gym.envs.episode_loop import EpisodeLoop
from livn_gym.envs.local_batch import LocalBatch
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.errors import BackendError, InvalidInput

OPTIONS = {"settle_ms": 200.0}


class Recorder:
    """A launcher that remembers what it was asked for."""

    def __init__(self):
        self.specs = []

    def make_batch(self, spec):
        self.specs.append(spec)
        return LocalBatch(spec.loop, spec.graphs)


@pytest.fixture
def launcher():
    launcher = Recorder()
    batches.set_launcher(launcher)
    yield launcher
    batches.set_launcher(None)


def test_make_vec_asks_the_launcher_of_the_process(fake, launcher):
    env = gym.make_vec("livn/EI1-v0", num_envs=3, graph_seed=[4, 5, 4], on_worker_failure="truncate", **OPTIONS)
    (spec,) = launcher.specs
    assert spec.graphs == {0: 4, 1: 5, 2: 4} and spec.continue_on_failure and spec.loop.settle_ms == 200.0
    batches.set_launcher(None)
    other = gym.make_vec("livn/EI1-v0", num_envs=3, graph_seed=[4, 5, 4], **OPTIONS)
    assert len(launcher.specs) == 1
    np.testing.assert_array_equal(env.reset(seed=2)[0], other.reset(seed=2)[0])
    env.close(), other.close()


def test_wrong_options_are_refused_before_the_launcher_is_asked(fake, launcher):
    with pytest.raises(TypeError, match="target_hz"):
        gym.make_vec("livn/EI1-v0", num_envs=2, targets_hz=3.0, **OPTIONS)
    assert launcher.specs == []


def test_a_process_has_one_launcher(launcher):
    with pytest.raises(BackendError, match="already"):
        batches.set_launcher(Recorder())


def test_environments_of_a_graph_share_a_loop(fake):
    batch = LocalBatch(LoopSpec.of("EI1", "rate_tracking", **OPTIONS), {5: 7, 2: 8, 9: 7, 3: "resample"})
    assert batch.environment_indices == [2, 3, 5, 9]
    assert [batch.locate(i)[1] for i in (2, 3, 5, 9)] == [0, 0, 0, 1]
    loop_of = {i: batch.locate(i)[0] for i in batch.environment_indices}
    assert loop_of[5] is loop_of[9] and len(batch.loops) == 3
    assert [loop_of[i].graph_seed for i in (2, 5, 3)] == [8, 7, None]
    with pytest.raises(InvalidInput, match="no environment 4"):
        batch.locate(4)
    result = batch.reset(np.array([3, 9]), [1, 2])
    assert result.cultures.tolist() == [3, 9] and loop_of[3].graph_seed is not None
    batch.add({4: 8})
    assert batch.environment_indices == [2, 3, 4, 5, 9]
    batch.close()


def test_a_resampled_loop_has_one_culture(fake):
    with pytest.raises(InvalidInput, match="one culture, got 2"):
        EpisodeLoop(LoopSpec.of("EI1", "rate_tracking", **OPTIONS), "resample", 2)
