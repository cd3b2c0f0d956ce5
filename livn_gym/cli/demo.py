"""``livn-gym demo``: train an agent for a short time and compare it with the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import progress_bar, save_figure
from livn_gym.cli.train import EnvId, Trust, check_env, check_learning, score_table, spec_steps

QUICK = {"steps": 1000, "episodes": 2, "strengths": 5}
QUICK_OPTIONS = {"max_episode_steps": 10, "settle_ms": 400.0}
"""Environment options of ``--quick``: short episodes after a short settling time."""


def demo(
    agent: Annotated[str, typer.Option(help="Learning algorithm: ppo, sac or td3.")] = "sac",
    env_id: EnvId = "livn/EI2-v0",
    steps: Annotated[int, typer.Option(min=1, help="Number of training steps.")] = 8000,
    episodes: Annotated[int, typer.Option(min=1, help="Number of test episodes, the same for all agents.")] = 5,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Smoke test: short training and short episodes, in which nothing is learned. Overrides --steps and "
            "--episodes.",
        ),
    ] = False,
    out: Annotated[Path, typer.Option(help="Output folder for the pictures and the trained agent.")] = Path(
        "livn-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the training.")] = 0,
    trust: Trust = False,
) -> None:
    """Train an agent for a couple of minutes and compare it with baselines that do not learn.

    The trained agent also plays on the culture with all synapses cut: the difference in return is due to the network.

    If the training was interrupted, the same command continues it; a finished training is not repeated.
    """
    check_learning()
    check_env(env_id)
    from livn_gym.agents import evaluate, learned
    from livn_gym.agents.train import train
    from livn_gym.agents.watch import watch
    from livn_gym.plot import learning_curves
    from livn_gym.plot.style import check_available

    check_available()
    options: dict[str, Any] = dict(QUICK_OPTIONS) if quick else {}
    if quick:
        steps, episodes = QUICK["steps"], QUICK["episodes"]

    with progress_bar(f"training {agent}") as report:
        curve = train(
            agent,
            env_id,
            out / "run",
            steps=steps,
            seed=seed,
            options=options,
            resume=True,
            trust=trust,
            report=report,
        )
    trained = learned.load(out / "run")

    with progress_bar("searching for the best constant"):
        strengths = QUICK["strengths"] if quick else 9
        factories = {
            name: evaluate.baseline(name, env_id, seed=seed, strengths=strengths, **options) for name in evaluate.NAMES
        }
    factories[f"{agent}, trained"] = lambda: trained
    limit = spec_steps(env_id, options)
    with progress_bar("playing test episodes") as report:
        played = evaluate.play(factories, env_id, episodes=episodes, report=lambda step: report(step, limit), **options)
    with progress_bar("playing the same episodes with all synapses cut") as report:
        cut = evaluate.play(
            {f"{agent}, trained; synapses cut": lambda: trained},
            env_id,
            episodes=episodes,
            report=lambda step: report(step, limit),
            **evaluate.with_condition(env_id, options, "synapses_cut"),
        )
    measure = evaluate.measure_of(env_id)
    scores = {name: evaluate.score(episodes_of_agent, measure) for name, episodes_of_agent in (played | cut).items()}
    title = f"{env_id}, {episodes} test episodes, {curve[-1]['step']:,.0f} training steps"
    Console().print(score_table(title, measure, scores))

    levels = {name: score.total_reward for name, score in scores.items() if name in evaluate.NAMES}
    save_figure(learning_curves(curve, title=f"{agent} on {env_id}", levels=levels), out / "curve.png")
    by_return = sorted(played[f"{agent}, trained"], key=lambda episode: episode.total_reward)
    watch(trained, env_id, out / "episode.png", seed=by_return[len(by_return) // 2].seed, options=options)
    typer.echo(
        f"Learning curve, median episode and trained agent: {out / 'curve.png'}, {out / 'episode.png'}, {out / 'run'}"
    )
