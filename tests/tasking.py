"""Tasks around a culture without a loop, and steps made by hand."""

from __future__ import annotations

from livn_gym.envs.loop_spec import LoopSpec


def make_task(env, name, **options):
    """The task of that name around a culture, with the numbers of its config where no options are given."""
    return LoopSpec.of(env.system.name, name, **options).make_task(env)


def take(task, measurement):
    """Reward and end of a step."""
    task.after_step(measurement)
    return task.reward, task.terminated
