"""``livn-gym train``, ``evaluate`` and ``watch``: train agents, score them and show them at work."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import progress_bar, save_figure, table
from livn_gym.errors import BackendUnavailable, InvalidInput, LivnError

EnvId = Annotated[str, typer.Option("--env", help="Id of the environment; livn-gym list prints all ids.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option", "-o", help="Option of the environment, as NAME=VALUE; repeat for several.", show_default=False
    ),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Resume a checkpoint even if another user or machine wrote it. Reading a checkpoint can execute code.",
    ),
]

RESERVED = {name: "commands have an option for it" for name in ("seed", "episodes", "num_envs")} | {
    name: "the command sets it"
    for name in (
        *("id", "env_id", "autoreset_mode", "render_mode", "vectorization_mode", "vector_kwargs", "wrappers"),
        *("disable_env_checker", "report", "strengths", "refine"),
    )
}
"""Names that an environment's options cannot have, and why."""

TrustNames = Annotated[
    bool,
    typer.Option(
        "--trust", help="Import code that the options of a run refer to, even if another user or machine wrote it."
    ),
]


def train(
    agent: Annotated[str, typer.Option(help="Learning algorithm: ppo, sac or td3.")] = "ppo",
    env_id: EnvId = "livn/EI2-v0",
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Environment steps, counted over all environments. Default: taken from the hyperparameter file.",
            show_default=False,
        ),
    ] = None,
    num_envs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of parallel environments. Default: taken from the hyperparameter file.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the learner and the environments.")] = 0,
    out: Annotated[
        Path, typer.Option(help="Run folder, where logs, checkpoints and the trained agent are written.")
    ] = Path("runs/train"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the run folder from its last checkpoint.")
    ] = False,
    trust: Trust = False,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Steps between two checkpoints; 0 writes none. Default: a tenth of all steps.",
            show_default=False,
        ),
    ] = None,
    posterior: Annotated[
        Path | None,
        typer.Option(
            help="Folder written by livn-gym fit: every episode draws one of its parameter sets.", show_default=False
        ),
    ] = None,
    option: Options = None,
    mpi: Annotated[
        bool,
        typer.Option(
            "--mpi", help="Distribute the environments over MPI ranks, started with mpiexec -n RANKS livn-gym ..."
        ),
    ] = False,
) -> None:
    """Train an agent with Stable-Baselines3.

    Logs, checkpoints, the learning curve and the trained agent are written to the run folder.

    Reading a checkpoint can execute code: one of another user or machine is resumed only with --trust.
    """
    options = parse_options(option)
    if posterior is not None:
        options["posterior"] = str(posterior)
    run = partial(_train, agent, env_id, steps, num_envs, seed, out, resume, trust, checkpoint_every, options)
    if not mpi:
        return run()
    from livn_gym.mpi import run_on_rank_0

    run_on_rank_0(run, messages=(LivnError,))


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
    options: dict[str, Any],
) -> None:
    check_learning()
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
    typer.echo(f"Trained agent and logs: {out}")


def evaluate(
    agents: Annotated[
        list[str],
        typer.Argument(
            help="Run folders of trained agents, and baselines: silent, random, best-constant, on-off, "
            "proportional-integral."
        ),
    ],
    env_id: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="Id of the environment. Default: that of the first run folder, otherwise livn/EI2-v0.",
            show_default=False,
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Number of test episodes, the same for all agents.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Offset that is added to the seeds of the test episodes.")] = 0,
    option: Options = None,
    trust: TrustNames = False,
) -> None:
    """Score agents on the same test episodes, with seeds that no training or search uses.

    No code in a run folder is executed, so folders from other users can be evaluated.

    Code that the options of such a run refer to is imported only with --trust.
    """
    env_id, options = environment_of(agents, env_id, option, trust)
    from livn_gym.agents import evaluate as scoring
    from livn_gym.agents import run_folder
    from livn_gym.envs.provenance import described, provenance

    with progress_bar("searching for the best constant" if "best-constant" in agents else "preparing"):
        factories = scoring.agent_factories(agents, env_id, seed=seed, **options)
    limit = spec_steps(env_id, options)
    with progress_bar("playing") as report:
        played = scoring.play(
            factories,
            env_id,
            episodes=episodes,
            seed=scoring.TEST_SEED + seed,
            report=lambda step: report(step, limit),
            **options,
        )
    measure = scoring.measure_of(env_id, options)
    scores = {name: scoring.score(episodes_of_agent, measure) for name, episodes_of_agent in played.items()}
    origin = provenance(env_id, options)
    number = "1 episode" if episodes == 1 else f"{episodes} episodes"
    title = f"{_listed(env_id, options)}, {number}" + (f"; {described(origin)}" if origin else "")
    Console().print(score_table(title, measure, scores))
    for folder in filter(os.path.isdir, agents):
        config = run_folder.read_config(folder)
        if (config["env"], config["options"]) != (env_id, options):
            typer.echo(f"{folder} was trained on {_listed(config['env'], config['options'])}.", err=True)


def _listed(env_id: str, options: Mapping[str, Any]) -> str:
    """Return an id with the options of its environment."""
    listed = ", ".join(f"{name}={json.dumps(value)}" for name, value in options.items())
    return f"{env_id} with {listed}" if listed else env_id


def watch(
    agent: Annotated[str, typer.Argument(help="Run folder of a trained agent, or the name of a baseline.")],
    out: Annotated[
        Path, typer.Option(help="Output file: .gif or .mp4 for an animation, .png for the last frame.")
    ] = Path("episode.gif"),
    env_id: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="Id of the environment. Default: that of the run folder, otherwise livn/EI2-v0.",
            show_default=False,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="Maximum number of steps. Default: the time limit of the environment.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the episode.")] = 0,
    option: Options = None,
    trust: TrustNames = False,
) -> None:
    """Play one episode and write it as an animation or a picture.

    No code in a run folder is executed, so agents from other users can be watched.

    Code that the options of such a run refer to is imported only with --trust.
    """
    env_id, options = environment_of([agent], env_id, option, trust)
    from livn_gym.agents import evaluate as scoring
    from livn_gym.agents import watch as pictures
    from livn_gym.cli.common import check_output
    from livn_gym.plot.style import check_available

    check_output("--out", out, *pictures.SUFFIXES)
    check_available()
    pictures.check_format(out)
    with progress_bar("playing") as report:
        (make,) = scoring.agent_factories([agent], env_id, seed=seed, **options).values()
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
    typer.echo(f"Return {total:.2f}; episode written to {out}")


def check_learning() -> None:
    """Check that the packages of the extra ``rl`` are installed.

    Raises:
        BackendUnavailable: A package is missing; the message says how to install it.
    """
    if find_spec("stable_baselines3") is None or find_spec("tensorboard") is None:
        raise BackendUnavailable('Trained agents need the extra rl, which is not installed: pip install "livn_gym[rl]"')


def check_env(env_id: str) -> None:
    """Check that an environment id is registered.

    Raises:
        UnknownName: The id is not registered; the message lists those that are.
    """
    from livn_gym.envs.registration import spec_of

    spec_of(env_id)


def parse_options(pairs: list[str] | None) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` pairs. A value that is valid JSON is decoded; any other stays a string.

    Raises:
        InvalidInput: A pair has no ``=``, or no name before it, the command itself sets what it names, or a value
            begins as a list or a mapping and is no JSON.
    """
    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise InvalidInput(f"--option takes NAME=VALUE, got {pair!r}.")
        if name in RESERVED:
            raise InvalidInput(f"{name} is no option of the environment: {RESERVED[name]}.")
        try:
            options[name] = json.loads(value)
        except json.JSONDecodeError as error:
            if value.lstrip().startswith(("{", "[")):
                raise InvalidInput(
                    f"{name} must be JSON, with names and text in double quotes: {error.msg} at character "
                    f"{error.pos + 1} of {value}"
                ) from error
            options[name] = value
    if options.get("max_episode_steps", 1) == -1:
        raise InvalidInput("Commands play whole episodes, which need an end: max_episode_steps must be at least 1.")
    return options


def environment_of(
    agents: list[str], env_id: str | None, option: list[str] | None, trust: bool = False
) -> tuple[str, dict[str, Any]]:
    """Return the id and the options of the environment in which agents are to act.

    If no id is given, id and options come from the first run folder among the agents; ``option`` overrides them.

    Raises:
        UnknownName: There is no such environment.
        Untrusted: The run of another user or machine names code to import.
    """
    folders = [name for name in agents if Path(name).is_dir()]
    options = parse_options(option)
    if folders:
        check_learning()
        from livn_gym.agents import learned

        env_id, options = learned.environment(folders[0], env_id, options, trusted=trust)
    env_id = "livn/EI2-v0" if env_id is None else env_id
    check_env(env_id)
    return env_id, options


def spec_steps(env_id: str, options: dict[str, Any]) -> int:
    """Return the time limit of an environment in steps; 0 if it has none.

    Raises:
        InvalidInput: The option ``max_episode_steps`` is neither -1, for no limit, nor a positive integer.
    """
    from livn_gym.envs.arguments import episode_limit
    from livn_gym.envs.registration import spec_of

    given = options.get("max_episode_steps")
    return (spec_of(env_id).max_episode_steps if given is None else episode_limit(given)) or 0


def score_table(title: str, measure: str, scores: dict[str, Any]) -> Any:
    """Return a table of agents' scores, the highest return in bold; ``measure`` names the task's measure of effect."""
    effect = {"error_hz": "mean |error| (Hz)", "": "-"}.get(measure, f"mean {measure}")
    rows = table(title, "agent", "return", "SD", effect, "charge (nC)")
    best = max(score.total_reward for score in scores.values())
    for name, score in scores.items():
        numbers = (
            f"{score.total_reward:.2f}",
            "-" if math.isnan(score.deviation) else f"{score.deviation:.2f}",
            f"{score.effect:.2f}" if measure else "-",
            f"{score.charge_nC:,.0f}",
        )
        rows.add_row(name, *numbers, style="bold" if score.total_reward == best else None)
    return rows
