"""``livn-gym train``, ``evaluate`` and ``watch``: agents that learn, their scores and what they do."""

from __future__ import annotations

import json
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import progress_bar, save_figure, table
from livn_gym.errors import BackendUnavailable, InvalidInput

EnvId = Annotated[str, typer.Option("--env", help="Id of the environment.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-o", help="An option of the environment, NAME=VALUE; again for more.", show_default=False
    ),
]
RunFolder = Annotated[Path, typer.Option(help="Folder of the run.")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Resume a checkpoint of another user or machine. Reading one runs the code in it."),
]


def train(
    agent: Annotated[str, typer.Option(help="ppo, sac or td3.")] = "ppo",
    env_id: EnvId = "livn/EI2-v0",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Environment steps; without it the hyperparameters'.", show_default=False)
    ] = None,
    num_envs: Annotated[
        int | None, typer.Option(min=1, help="Environments at once; likewise.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of learner and environments.")] = 0,
    out: RunFolder = Path("runs/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the folder from its last checkpoint.")
    ] = False,
    trust: Trust = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(min=0, help="Steps between checkpoints, 0 for none; else a tenth of all.", show_default=False),
    ] = None,
    option: Options = None,
    mpi: Annotated[
        bool, typer.Option("--mpi", help="Spread the environments over the ranks of mpiexec -n RANKS livn-gym ...")
    ] = False,
) -> None:
    """Train an agent of Stable-Baselines3; logs, checkpoints, learning curve and the agent go into a folder.

    A checkpoint is a pickle, so one that another user or machine wrote is resumed only with --trust.
    """
    run = partial(_train, agent, env_id, steps, num_envs, seed, out, resume, trust, checkpoint_every, option)
    if not mpi:
        return run()
    from livn_gym.mpi import together

    together(run)


def _train(
    agent: str,
    env_id: str,
    steps: int | None,
    num_envs: int | None,
    seed: int,
    out: Path,
    resume: bool,
    trust: bool,
    checkpoint_every: int | None,
    option: list[str] | None,
) -> None:
    check_learning()
    options = parse_options(option)
    check_env(env_id)
    from livn_gym.agents.train import train as run

    with progress_bar(f"training {agent}") as report:
        curve = run(
            agent,
            env_id,
            out,
            steps=steps,
            num_envs=num_envs,
            seed=seed,
            resume=resume,
            trust=trust,
            checkpoint_every=checkpoint_every,
            options=options,
            report=report,
        )
    rows = table(f"{agent} on {env_id}", "steps", "seconds", "return", "worst episode", "best episode")
    for row in curve:
        numbers = (f"{row[name]:.2f}" for name in ("return", "return_low", "return_high"))
        rows.add_row(f"{row['step']:,.0f}", f"{row['seconds']:.0f}", *numbers)
    Console().print(rows)
    if find_spec("matplotlib") is not None:
        from livn_gym.plot import learning_curves

        save_figure(learning_curves(curve, title=f"{agent} on {env_id}"), out / "curve.png")
    typer.echo(f"The trained agent and its logs: {out}")


def evaluate(
    agents: Annotated[
        list[str], typer.Argument(help="Folders of runs, and baselines: silent, random, best-constant, ...")
    ],
    env_id: Annotated[
        str | None, typer.Option("--env", help="Id; without it that of the first run.", show_default=False)
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Test episodes, the same for all.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Added to the seed of the first test episode.")] = 0,
    option: Options = None,
) -> None:
    """Score agents on the same test episodes, which no training or search has seen.

    Nothing in the folder of a run is executed: it needs no trust.
    """
    env_id, options = environment_of(agents, env_id, option)
    from livn_gym.agents import evaluate as scoring

    with progress_bar("searching the best constant" if "best-constant" in agents else "preparing"):
        makers = scoring.find(agents, env_id, seed=seed, **options)
    limit = spec_steps(env_id, options)
    with progress_bar("playing") as report:
        played = scoring.play(
            makers,
            env_id,
            episodes=episodes,
            seed=scoring.TEST_SEED + seed,
            report=lambda step: report(step, limit),
            **options,
        )
    measure = scoring.measure_of(env_id, options)
    scores = {name: scoring.score(found, measure) for name, found in played.items()}
    Console().print(score_table(f"{env_id}, {episodes} episodes", measure, scores))


def watch(
    agent: Annotated[str, typer.Argument(help="Folder of a run, or a baseline.")],
    out: Annotated[Path, typer.Option(help="Write it here: .gif, .mp4 or, of the end only, .png.")] = Path(
        "episode.gif"
    ),
    env_id: Annotated[
        str | None, typer.Option("--env", help="Id; without it that of the run.", show_default=False)
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="At most so many steps.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the episode.")] = 0,
    option: Options = None,
) -> None:
    """Play an episode and write what it looks like.

    Nothing in the folder of a run is executed: it needs no trust.
    """
    env_id, options = environment_of([agent], env_id, option)
    from livn_gym.agents import evaluate as scoring
    from livn_gym.agents import watch as pictures
    from livn_gym.cli.common import check_output
    from livn_gym.envs.array_map import check_available

    check_output("--out", out, *pictures.SUFFIXES)
    check_available()
    pictures.check_format(out)
    with progress_bar("playing") as report:
        (make,) = scoring.find([agent], env_id, seed=seed, **options).values()
        limit = spec_steps(env_id, options) if steps is None else steps
        total = pictures.watch(
            make(),
            env_id,
            out,
            seed=seed,
            steps=steps,
            options=options,
            report=lambda step: report(step, limit),
        )
    typer.echo(f"Return {total:.2f}; the episode: {out}")


def check_learning() -> None:
    """Raise if what learning needs is missing.

    Raises:
        BackendUnavailable: The message says how to install it.
    """
    if find_spec("stable_baselines3") is None or find_spec("tensorboard") is None:
        raise BackendUnavailable('Trained agents need the extra rl, which is missing: pip install "livn_gym[rl]"')


def check_env(env_id: str) -> None:
    """Raise if there is no such environment.

    Raises:
        UnknownName: The message lists those there are.
    """
    from livn_gym.envs.registration import spec_of

    spec_of(env_id)


def parse_options(given: list[str] | None) -> dict[str, Any]:
    """``NAME=VALUE`` pairs; a value is read as JSON where it is any, else it is a word.

    Raises:
        InvalidInput: There is no ``=``.
    """
    options: dict[str, Any] = {}
    for pair in given or []:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidInput(f"--option takes NAME=VALUE, got {pair!r}.")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError:
            options[name] = value
    return options


def environment_of(agents: list[str], env_id: str | None, option: list[str] | None) -> tuple[str, dict[str, Any]]:
    """The environment that agents are put on: the one given, or the first run's with its options.

    Raises:
        UnknownName: There is no such environment.
    """
    folders = [name for name in agents if Path(name).is_dir()]
    options: dict[str, Any] = {}
    if folders:
        check_learning()
        from livn_gym.agents import learned

        config = learned.config(folders[0])
        if env_id is None:
            env_id, options = config["env"], config["options"]
    env_id = env_id or "livn/EI2-v0"
    check_env(env_id)
    return env_id, options | parse_options(option)


def spec_steps(env_id: str, options: dict[str, Any]) -> int:
    """Time limit of an environment, steps."""
    from livn_gym.envs.registration import spec_of

    return int(options.get("max_episode_steps") or spec_of(env_id).max_episode_steps or 0)


def score_table(title: str, measure: str, scores: dict[str, Any]) -> Any:
    """Scores of agents, the highest return in bold; ``measure`` is the name of the task's own."""
    effect = {"error_hz": "mean |error| (Hz)", "": "-"}.get(measure, f"mean {measure}")
    rows = table(title, "agent", "return", "+-", effect, "charge (nC)")
    best = max(score.total_reward for score in scores.values())
    for name, score in scores.items():
        numbers = (
            f"{score.total_reward:.2f}",
            f"{score.deviation:.2f}",
            f"{score.effect:.2f}" if measure else "-",
            f"{score.charge_nC:,.0f}",
        )
        rows.add_row(name, *numbers, style="bold" if score.total_reward == best else None)
    return rows
