"""``livn-gym list``, ``info`` and ``generate``: what cultures there are, and new ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from livn_gym.cli.common import SystemName, find_system, table


def list_all() -> None:
    """List the environments' ids and the predefined systems."""
    import gymnasium as gym

    from livn_gym.envs.registration import register_all
    from livn_gym.system import names, predefined_config

    ids = table("Gymnasium environments", "id", "system", "task", "steps an episode")
    for env_id in register_all():
        spec = gym.spec(env_id)
        ids.add_row(env_id, spec.kwargs["system"], spec.kwargs["task"], str(spec.max_episode_steps))
    systems = table("Systems", "system", "neurons", "populations", "channels", "area (um)")
    for name in names():
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


def info(system: SystemName) -> None:
    """Show what a system is made of, and the parameters it comes with."""
    from livn_gym.parameters import tuned

    culture = find_system(system)
    made_of = table(culture.name)
    made_of.add_column(no_wrap=True)
    made_of.add_column(overflow="fold")
    for key, value in culture.summary().items():
        made_of.add_row(key, _plain(value, " x " if key == "area_um" else " ... "))
    parameters = table("Parameters (nS, ms)", "key", "value")
    for key, number in tuned(culture).items():
        parameters.add_row(key, f"{number:g}")
    console = Console()
    console.print(made_of)
    console.print(parameters)


def generate(
    config: Annotated[Path, typer.Argument(help="TOML file laid out like those in configs/systems.")],
    out: Annotated[Path, typer.Argument(help="New folder for the SONATA files.")],
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the graph; without it the file's.", show_default=False)
    ] = None,
) -> None:
    """Generate a system from a TOML file and write it as SONATA."""
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
