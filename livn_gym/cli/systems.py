"""``livn-gym list``, ``info`` and ``generate``: systems and devices, and the generation of new systems."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from livn_gym.cli.common import find_system, table, wide_console
from livn_gym.reading import read_toml


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
    console = wide_console()
    console.print(ids)
    console.print(systems)
    console.print(_devices())
    added = table("Installed packages add", "name", "kind", "package")
    for kind, name, package in offered():
        added.add_row(name, kind, package)
    if added.row_count:
        console.print(added)


def _devices() -> Any:
    from livn_gym import device_profile

    rows = table("Devices", "device", "name", "channels", "frames (Hz)", "current (uA)", "verified")
    for name in device_profile.names():
        profile = device_profile.find(name)
        usable, count = int(profile.electrodes.usable.sum()), profile.electrodes.num_channels
        rows.add_row(
            name,
            profile.title,
            f"{usable:,}" if usable == count else f"{usable:,} of {count:,}",
            f"{profile.recording.sampling_hz:,.0f}",
            f"{profile.stimulation.max_amplitude_uA:g}",
            "yes" if profile.verified else "no",
        )
    return rows


def _is_device_file(path: str) -> bool:
    """Return whether a TOML file is a device's: systems have no ``[stimulation]``."""
    return path.endswith(".toml") and Path(path).is_file() and "stimulation" in read_toml(path)


def _show_device(name: str) -> None:
    """Show every value of a device, which of them are assumed, and the sources."""
    from livn_gym import device_profile
    from livn_gym.io.layout import pitch

    profile = device_profile.find(name)
    values = table(f"{profile.title} ({profile.name}, hash {profile.hash})", "value", "", "")
    electrodes = profile.electrodes
    rows: dict[str, Any] = {
        "verified": "yes" if profile.verified else "no: simulation only",
        "electrodes.channels": f"{int(electrodes.usable.sum())} usable of {electrodes.num_channels}",
        "electrodes.pitch_um": pitch(electrodes.coordinates_um),
        "electrodes.radius_um": electrodes.radius_um,
    }
    for part in ("recording", "stimulation", "artefact"):
        rows |= {f"{part}.{key}": value for key, value in asdict(getattr(profile, part)).items()}
    for key, value in (rows | {"latency_ms": profile.latency_ms}).items():
        number = f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
        values.add_row(key, number, "assumed" if key in profile.assumptions else "")
    console = Console()
    console.print(values)
    for source in profile.sources:
        console.print(f"Source: {source}", markup=False, highlight=False)


def info(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            help="Name of a system, SONATA or livn folder, TOML file of the generator, module:attribute, or the name "
            "or TOML file of a device, as cl1.",
        ),
    ],
) -> None:
    """Show the size and connectivity of a system and its default parameters, or the values of a device."""
    from livn_gym import device_profile
    from livn_gym.parameters import tuned

    if system in device_profile.names() or _is_device_file(system):
        _show_device(system)
        return
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
    config: Annotated[
        Path | None,
        typer.Argument(
            help="TOML file in the layout of configs/systems/EI2.toml. With --device, it may be omitted: cells and "
            "connections are then those of EI3 at the same density.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Argument(
            help="Folder for the SONATA files; it must be new or empty. Default with --device: DEVICE-culture.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Random seed of the network graph. Default: taken from the TOML file.", show_default=False
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="Device whose electrodes the system gets, as cl1, or a TOML file.", show_default=False),
    ] = None,
) -> None:
    """Generate a system from a TOML file, or for a device's array, and write it in the SONATA format."""
    from livn_gym import device_profile, device_system, system
    from livn_gym.atomic import check_new_folder
    from livn_gym.errors import InvalidInput

    if device is None:
        if config is None or out is None:
            raise InvalidInput("livn-gym generate needs a TOML file and a folder, or --device.")
        check_new_folder(out)
        culture = system.generate(system.GeneratorConfig.from_toml(config), seed)
    else:
        profile = device_profile.find(device)
        if config is not None and out is None and config.suffix != ".toml":
            config, out = None, config
        out = Path(f"{profile.name}-culture") if out is None else out
        check_new_folder(out)
        numbers = None if config is None else system.GeneratorConfig.from_toml(config)
        culture = device_system.device_system(profile, numbers, seed)
    system.write(culture, out)
    typer.echo(f"{out}: {culture.num_neurons} neurons, {culture.num_synapses} synapses")
    typer.echo(f"sha256 {culture.sha256()}")
    if device is not None:
        base = device_system.BASE if config is None else config.stem
        typer.echo(f'gym.make("livn/Culture-v0", system="{out}", params="{base}", device="{device}")')


def _plain(value: object, joint: str) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_plain(item, joint)}" for key, item in value.items())
    if isinstance(value, list):
        return joint.join(f"{item:g}" for item in value)
    return str(value)
