"""Settling of cultures at a reset: all in one run of the engine, equal to settling step by step."""

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.conditions import Condition

ID = "livn/EI1-v0"
OPTIONS = {"step_ms": 50.0, "settle_ms": 130.0}


class Watching(Condition):
    """Changes nothing, but is not idle, so that a loop settles step by step."""


def test_vector_resets_are_one_run_for_any_number_of_cultures(monkeypatch):
    env = gym.make_vec(ID, num_envs=5, **OPTIONS)
    env.reset(seed=1)
    backend = env.unwrapped._batch.loops[0].env._backend
    run, calls = backend.run, []
    monkeypatch.setattr(backend, "run", lambda *arguments: calls.append(arguments) or run(*arguments))
    for count in range(1, 6):
        env.reset(options={"reset_mask": np.arange(5) < count})
        assert len(calls) == count, "one run per reset"
    env.close()


@pytest.mark.parametrize("settle_ms", [0.0, 30.0, 50.0, 130.0, 1100.0])
@pytest.mark.parametrize("step_ms", [50.0, 12.5])
def test_settling_in_one_run_equals_settling_step_by_step(step_ms, settle_ms):
    options = {"step_ms": step_ms, "settle_ms": settle_ms, "encoding": {"name": "pulse_rate"}}
    one_run = gym.make_vec(ID, num_envs=2, **options)
    by_steps = gym.make_vec(ID, num_envs=2, conditions=[Watching], **options)
    for seed in (3, None):
        for ours, theirs in zip(one_run.reset(seed=seed), by_steps.reset(seed=seed), strict=True):
            np.testing.assert_equal(ours, theirs)
        loops = [env.unwrapped._batch.loops[0] for env in (one_run, by_steps)]
        assert loops[0].env.t == loops[1].env.t
        for histories in zip(*(loop.history for loop in loops), strict=True):
            for ours, theirs in zip(*histories, strict=True):
                assert ours.time_ms == theirs.time_ms
                if ours.recording is None:
                    assert theirs.recording is None
                    continue
                for name in ("t0_ms", "duration_ms", "spike_gid", "spike_t", "num_cultures", "dt_ms"):
                    np.testing.assert_array_equal(getattr(ours.recording, name), getattr(theirs.recording, name))
        actions = one_run.action_space.sample()
        for ours, theirs in zip(one_run.step(actions), by_steps.step(actions), strict=True):
            np.testing.assert_equal(ours, theirs)
    one_run.close()
    by_steps.close()
