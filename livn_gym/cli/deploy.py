"""``livn-gym deploy``: let an agent act on a device, by default on a simulated one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli import interruption
from livn_gym.cli.common import progress_bar, table
from livn_gym.cli.train import Options, TrustNames, environment_of, parse_options, spec_steps
from livn_gym.errors import InvalidInput

if TYPE_CHECKING:
    from livn_gym.device_profile import DeviceProfile
    from livn_gym.devices.deployed import DeployedEpisode
    from livn_gym.devices.driver import Driver

CULTURE = ("system", "variant", "params", "graph_seed")
"""Options of an environment that say which culture a simulated device holds."""


def deploy(
    agent: Annotated[str, typer.Argument(help="Run folder of a trained agent, or the name of a baseline.")],
    device: Annotated[str, typer.Option(help="Profile of the device: a name, or a TOML file.")] = "cl1",
    episodes: Annotated[int, typer.Option(min=1, help="Number of episodes.")] = 5,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Act on a simulated culture. This is the default; not possible with --live."),
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Stimulate a real device; needs --limits and a typed confirmation.")
    ] = False,
    limits: Annotated[
        Path | None,
        typer.Option(
            help="The operator's limits file (TOML), no wider than the profile. Default in a dry run: the profile.",
            show_default=False,
        ),
    ] = None,
    driver: Annotated[
        str | None,
        typer.Option(
            help="API through which stimuli are sent: cl, simulated, a Python file or module:attribute. Default: "
            "simulated in a dry run, otherwise cl.",
            show_default=False,
        ),
    ] = None,
    env_id: Annotated[
        str | None,
        typer.Option(
            "--env",
            help="Id of the environment. Default: that of the run folder, otherwise livn/EI3-v0.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the tasks, and of a simulated culture.")] = 0,
    real_time: Annotated[
        bool,
        typer.Option("--real-time", help="Let a simulated culture behind the driver cl run in real time."),
    ] = False,
    samples: Annotated[
        bool, typer.Option("--samples/--no-samples", help="Let the device record raw samples, 3 MB per second.")
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder of the session. Default: deploy/TIME in the run folder, or here for a baseline.",
            show_default=False,
        ),
    ] = None,
    option: Options = None,
    trust: TrustNames = False,
) -> None:
    """Let an agent act on a device and record everything.

    By default this is a dry run on a simulated culture, which shows what would be sent. Every stimulus is checked
    against the limits and written to a ledger before it is sent.

    Emergency stop: Ctrl-C, or create a file named STOP in the folder of the session.
    """
    from livn_gym.agents import evaluate as scoring
    from livn_gym.device_profile import find
    from livn_gym.devices.deployed import calibration, refusals, summary
    from livn_gym.devices.deployment import Deployment
    from livn_gym.devices.guarded_plant import LEDGER
    from livn_gym.devices.ledger import read_ledger
    from livn_gym.devices.limits import SessionLimits
    from livn_gym.devices.permission import check_live, confirmed

    if dry_run and live:
        raise InvalidInput("Give --dry-run or --live, not both.")
    is_run = Path(agent).is_dir()
    env_name, options = environment_of(
        [agent], "livn/EI3-v0" if env_id is None and not is_run else env_id, option, trust
    )
    _check_given(parse_options(option), device)
    total, taken = episodes * spec_steps(env_name, options), 0
    profile = find(device)
    if live:
        check_live(profile, limits is not None)
    session_limits = SessionLimits.of_profile(profile) if limits is None else SessionLimits.read(limits, profile)
    ((name, make_agent),) = scoring.agent_factories([agent], env_name, seed=seed, **options).items()
    folder = _folder(agent) if out is None else out
    plan = Deployment(make_agent, env_name, options, episodes, seed, not live, {"agent": name, **_origin(agent)})
    plan.check(profile, session_limits)
    name_of_driver = ("cl" if live else "simulated") if driver is None else driver
    connection = make_driver(
        name_of_driver, profile, env_name, options, seed=seed, real_time=real_time, samples=samples
    )
    if live and connection.is_simulated():
        raise InvalidInput("The API reaches a simulated culture: there is nothing to stimulate live; leave out --live.")
    permission = confirmed(session_limits, _typed) if live else None
    with interruption.terminable(), progress_bar("LIVE" if live else "dry run", " steps") as report:

        def advance(episode: int, step: int) -> None:
            nonlocal taken
            taken += 1
            report(taken, total, note=f"episode {episode}")

        played = plan.run(connection, folder, session_limits, permission, advance)
    title = f"{name} on {profile.title}, {'LIVE' if live else 'dry run'}; latency and jitter: median / 95 % / maximum"
    Console().print(_table(title, played))
    typer.echo(summary(read_ledger(folder / LEDGER)))
    if (calibrated := calibration(played)) is not None:
        typer.echo(calibrated)
    for message in dict.fromkeys(refusals(read_ledger(folder / LEDGER))):
        typer.echo(f"Refused: {message}")
    typer.echo(f"Every command: {folder / LEDGER}; results: {folder}")
    if len(played) < episodes or any(episode.refused or not episode.completed for episode in played):
        raise typer.Exit(1)


def make_driver(
    name: str,
    profile: DeviceProfile,
    env_id: str,
    options: Mapping[str, Any],
    *,
    seed: int,
    real_time: bool,
    samples: bool,
) -> Driver:
    """Make a driver; a simulated culture is that of the environment, or the nearest one of its fit."""
    from livn_gym.devices.plants import DRIVERS
    from livn_gym.envs.arguments import graph_seeds
    from livn_gym.envs.registration import spec_of
    from livn_gym.posterior import Posterior

    given = {**spec_of(env_id).kwargs, **options}
    graphs = given.get("graph_seed")
    (graph,) = graph_seeds(graphs[:1] if isinstance(graphs, list) else graphs, 1)
    given["graph_seed"] = None if isinstance(graph, str) else graph  # of an agent that met many graphs: any of them
    culture = {key: given[key] for key in CULTURE if given.get(key) is not None}
    if given.get("posterior") is not None:
        culture["params"] = str(Posterior.nearest_file(given["posterior"]))
    if name == "simulated":
        return DRIVERS.make(name, profile, seed=seed, **culture)
    if name != "cl":
        return DRIVERS.make(name, profile)
    simulated = {"accelerated": not real_time, "seed": seed, **culture}
    return DRIVERS.make(name, profile, samples=samples, culture=simulated)


def _check_given(options: Mapping[str, Any], device: str) -> None:
    """Refuse options of the command that have no effect on a device.

    Raises:
        InvalidInput: There is one, or the option ``device`` names another device than ``--device``.
    """
    from livn_gym.device_profile import find
    from livn_gym.devices.deployment import OF_CULTURES

    useless = [name for name in options if name in OF_CULTURES and name not in (*CULTURE, "device", "posterior")]
    if useless:
        raise InvalidInput(
            f"--option {useless[0]} has no effect in a deployment: it says how a culture is simulated or seen, and a "
            "device has a culture and channels of its own. Leave it out."
        )
    given = options.get("device")
    if given is not None and find(given).name != find(device).name:
        raise InvalidInput(f"--device is {find(device).name}, and --option device names {find(given).name}.")


def _table(title: str, played: Sequence[DeployedEpisode]) -> Any:
    from livn_gym.devices.deployed import HEADINGS

    rows = table(title, *HEADINGS)
    for episode in played:
        rows.add_row(*episode.row(), style="bold red" if episode.refused else None)
    return rows


def _typed(text: str) -> str:
    """Return what an operator types at a terminal.

    Raises:
        InvalidInput: There is no terminal: a script cannot confirm.
    """
    if not sys.stdin.isatty():
        raise InvalidInput("Live stimulation is confirmed by an operator at a terminal, not by a script.")
    return typer.prompt(text)


def _folder(agent: str) -> Path:
    """Return a new folder, named by the time."""
    parent = Path(agent) if Path(agent).is_dir() else Path()
    return parent / "deploy" / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def _origin(agent: str) -> dict[str, Any]:
    """Return where an agent comes from."""
    if not Path(agent).is_dir():
        return {}
    from livn_gym.agents import run_folder

    config = run_folder.read_config(agent)
    trained = {name: config.get(name) for name in ("env", "params", "params_hash", "task_version", "task_hash", "seed")}
    return {"run": str(Path(agent).resolve()), "trained_on": trained}
