"""``livn-gym list``, ``info`` and ``generate``: predefined systems and the generation of new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from livn_gym.cli.common import SystemName, find_system, table


def list_all() -> None:
    """List the ids of all environments, the predefined systems, and what installed packages add."""
    import gymnasium as gym

    from livn_gym.envs.registration import register_all
    from livn_gym.plugins import offered
    from livn_gym.system import predefined_config, predefined_names

    ids = table("Gymnasium environments", "id", "system", "task", "steps per episode")
    for env_id in register_all():
        spec = gym.spec(env_id)
        ids.add_row(env_id, spec.kwargs["system"], spec.kwargs["task"], str(spec.max_episode_steps))
    systems = table("Systems", "system", "neurons", "populations", "channels", "area (um)")
    for name in predefined_names():
        config = predefined_config(name)
        systems.add_row(
            name,
            f"{config.populations[-1].stop:,}",
            ", ".join(f"{population.count:,} {population.name}" for population in config.populations),
            f"{config.electrodes.rows * config.electrodes.columns:,}",
            f"{config.area.width_um:g} x {config.area.height_um:g}",
        )
    console = Console()
    console.print(ids)
    console.print(systems)
    added = table("Installed packages add", "name", "kind", "package")
    for kind, name, package in offered():
        added.add_row(name, kind, package)
    if added.row_count:
        console.print(added)


def info(system: SystemName) -> None:
    """Show the size and connectivity of a system and its default parameters."""
    from livn_gym.parameters import tuned

    culture = find_system(system)
    summary = table(culture.name)
    summary.add_column(no_wrap=True)
    summary.add_column(overflow="fold")
    for key, value in culture.summary().items():
        summary.add_row(key, _plain(value, " x " if key == "area_um" else " ... "))
    parameters = table("Parameters (nS, ms)", "key", "value")
    for key, number in tuned(culture).items():
        parameters.add_row(key, f"{number:g}")
    console = Console()
    console.print(summary)
    console.print(parameters)


def generate(
    config: Annotated[Path, typer.Argument(help="TOML file in the layout of configs/systems/EI2.toml.")],
    out: Annotated[Path, typer.Argument(help="Folder for the SONATA files; it must be new or empty.")],
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Random seed of the network graph. Default: taken from the TOML file.", show_default=False
        ),
    ] = None,
) -> None:
    """Generate a system from a TOML file and write it in the SONATA format."""
    from livn_gym import system

    culture = system.generate(system.GeneratorConfig.from_toml(config), seed)
    system.write(culture, out)
    typer.echo(f"{out}: {culture.num_neurons} neurons, {culture.num_synapses} synapses")
    typer.echo(f"sha256 {culture.sha256()}")


def _plain(value: object, joint: str) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_plain(item, joint)}" for key, item in value.items())
    if isinstance(value, list):
        return joint.join(f"{item:g}" for item in value)
    return str(value)
