"""``livn-gym demo``: a closed loop from the first to the last step, and what it is worth."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.atomic import replacing
from livn_gym.cli.common import Backend, Seed, check_output, table
from livn_gym.errors import unknown_name

if TYPE_CHECKING:
    import gymnasium as gym

    from livn_gym.agents import Agent

QUICK_STEPS = 5
CONTROLLER = "proportional-integral"


@dataclass(frozen=True)
class Score:
    """An episode in three numbers.

    Attributes:
        error_hz: Mean absolute difference of the last second's rate from the target.
        total_reward: Sum of the rewards.
        charge_nC: Absolute charge of all channels, both phases counted.
    """

    error_hz: float
    total_reward: float
    charge_nC: float


def demo(
    env_id: Annotated[str, typer.Option("--env", help="Id of the environment.")] = "livn/EI2-v0",
    target: Annotated[float, typer.Option(help="Rate to hold, Hz.")] = 8.0,
    steps: Annotated[int, typer.Option(min=1, help="Control steps of the episode.")] = 60,
    quick: Annotated[bool, typer.Option("--quick", help=f"Only {QUICK_STEPS} steps.")] = False,
    picture: Annotated[Path, typer.Option(help="Save the last frame here: .png.")] = Path("livn-demo.png"),
    seed: Seed = 0,
    backend: Backend = None,
) -> None:
    """Hold a culture at a firing rate: a controller against doing nothing, chance and a constant.

    Every agent gets the same culture with the same noise.
    """
    import gymnasium as gym

    from livn_gym import agents
    from livn_gym.envs.registration import register_all

    if env_id not in register_all():
        raise unknown_name("environment", env_id, register_all())
    check_output("--picture", picture, ".png")
    count = QUICK_STEPS if quick else steps
    contenders: dict[str, Agent] = {
        "silent": agents.Silent(),
        "random": agents.Random(seed),
        "constant (half)": agents.Constant(0.5),
        CONTROLLER: agents.ProportionalIntegral(),
    }
    envs: dict[str, gym.Env] = {}
    try:
        with Console(stderr=True).status("building the cultures"):
            for name in contenders:
                envs[name] = gym.make(
                    env_id,
                    max_episode_steps=count,
                    render_mode="rgb_array" if name == CONTROLLER else None,
                    target_hz=target,
                    backend=backend,
                )
        scores = _compete(envs, contenders, seed, count)
        frame: Any = envs[CONTROLLER].render()
    finally:
        for env in envs.values():
            env.close()
    Console().print(_table(f"{env_id}, target {target:g} Hz, {count} steps", scores))
    from PIL import Image  # comes with matplotlib, which has drawn the frame

    with replacing(picture) as part:
        Image.fromarray(frame).save(part)
    typer.echo(f"The controller's last frame: {picture}")


def _compete(envs: Mapping[str, gym.Env], contenders: Mapping[str, Agent], seed: int, steps: int) -> dict[str, Score]:
    """An episode of every agent, as many at once as there are processors: simulators run beside Python."""
    from concurrent.futures import ThreadPoolExecutor

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:22}"), BarColumn(), MofNCompleteColumn())
    with (
        Progress(*columns, TextColumn("{task.fields[rate]}"), console=Console(stderr=True)) as progress,
        ThreadPoolExecutor(max_workers=os.cpu_count()) as pool,
    ):
        running = {}
        for name, env in envs.items():
            bar = progress.add_task(name, total=steps, rate="")
            report = partial(progress.update, bar, advance=1)
            running[name] = pool.submit(run_episode, env, contenders[name], seed, report)
        try:
            return {name: future.result() for name, future in running.items()}
        except BaseException:  # Ctrl-C, or one failed: do not wait for the others' episodes
            pool.shutdown(wait=False, cancel_futures=True)
            for env in envs.values():
                env.close()
            raise


def run_episode(env: gym.Env, agent: Agent, seed: int, report: Callable[..., None]) -> Score:
    """One episode; ``report(rate=...)`` is called after every step."""
    observation, info = env.reset(seed=seed)
    agent.reset(env, info)
    errors, rewards, charge_nC, ended = [], [], 0.0, False
    while not ended:
        observation, reward, terminated, truncated, info = env.step(agent.act(observation, info))
        errors.append(abs(info["rate_1s_hz"] - info["target_hz"]))
        rewards.append(float(reward))
        charge_nC += info["charge_nC"]
        ended = terminated or truncated
        report(rate=f"{info['rate_1s_hz']:5.1f} Hz")
    return Score(sum(errors) / len(errors), sum(rewards), charge_nC)


def _table(title: str, scores: Mapping[str, Score]) -> Any:
    """The scores, the smallest error in bold."""
    rows = table(title, "agent", "mean |error| (Hz)", "return", "charge (nC)")
    best = min(score.error_hz for score in scores.values())
    for name, score in scores.items():
        style = "bold" if score.error_hz == best else None
        numbers = (f"{score.error_hz:.2f}", f"{score.total_reward:.2f}", f"{score.charge_nC:,.0f}")
        rows.add_row(name, *numbers, style=style)
    return rows
