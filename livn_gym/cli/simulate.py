"""``livn-gym simulate``: record the spontaneous activity of a culture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from livn_gym.cli.common import (
    Backend,
    ProfileName,
    Seed,
    SettleMs,
    SystemName,
    check_output,
    find_system,
    progress_bar,
    save_figure,
    table,
)
from livn_gym.units import whole_steps

if TYPE_CHECKING:
    from livn_gym.device_profile import DeviceProfile
    from livn_gym.env import Env
    from livn_gym.recording import Recording
    from livn_gym.stimulus import Stimulus
    from livn_gym.tuning import ProbeSweep

CHUNK_MS = 100.0
"""Simulated time between two updates of the progress bar."""


def simulate(
    system: SystemName,
    duration: Annotated[float, typer.Option(help="Recorded time, in ms.")] = 1000.0,
    settle: SettleMs = 2000.0,
    plot: Annotated[
        Path | None, typer.Option(help="Write a raster plot to this .png, .pdf or .svg file.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the spikes to this .npz file, as arrays gid and t_ms; livn-gym export converts it.",
            show_default=False,
        ),
    ] = None,
    probe_sweep: Annotated[
        bool,
        typer.Option(
            "--probe-sweep",
            help="After DURATION without stimulation, give the standard sweep of probe pulses and trains: the "
            "recording to which livn-gym fit fits a culture (with --duration 600000 --profile fast).",
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="With --probe-sweep: record the spikes that this device (a name, or a TOML file) detects on its "
            "channels, under the sweep that it can give.",
            show_default=False,
        ),
    ] = None,
    seed: Seed = 0,
    profile: ProfileName = "exact",
    backend: Backend = None,
) -> None:
    """Simulate a culture and print the firing rates of its populations; without stimulation by default."""
    from livn_gym.channel_view import ChannelView, device_array
    from livn_gym.device_profile import find
    from livn_gym.env import Env
    from livn_gym.errors import InvalidInput
    from livn_gym.formats import Session

    check_output("--plot", plot, ".png", ".pdf", ".svg")
    check_output("--out", out, ".npz")
    if plot is not None:
        from livn_gym.plot.style import check_available

        check_available()
    culture = find_system(system)
    found = None if device is None else find(device)
    if found is not None and not probe_sweep:
        raise InvalidInput("--device is the device that records the probe sweep: give --probe-sweep as well.")
    sweep = None
    if probe_sweep:
        from livn_gym.tuning import ProbeSweep

        if found is None:
            sweep = ProbeSweep(rest_ms=duration)
        else:
            sweep = ProbeSweep.for_device(found.of_usable(), rest_ms=duration)
    io = None if found is None else device_array(found, culture)
    with Env(culture, io=io, seed=seed, backend=backend, profile=profile) as env:
        whole_steps("--duration (ms)", duration, env.dt)
        settles = whole_steps("--settle (ms)", settle, env.dt, minimum=0) > 0
        with Console(stderr=True).status("building the culture"):
            env.init().apply_model_defaults()
        started = time.perf_counter()
        if settles:
            _run(env, settle, "settling")
        env.record_spikes()
        recording, stimulus = (
            (_run(env, duration, "simulating"), None) if sweep is None else _run_sweep(env, sweep, found, "simulating")
        )
        wall_s = time.perf_counter() - started
        view = None if found is None else ChannelView.of_device(found)
        session = None if out is None else Session.of(env, recording, stimulus, detected_by=view)
        recorded = culture if view is None else view.system
    _, gid, _ = recording.spikes
    unit = "cell" if view is None else "channel"
    rates = table(culture.name, "population", f"{unit}s", "spikes", f"rate per {unit} (Hz)")
    for population in recorded.populations:
        count = int(((gid >= population.start) & (gid < population.stop)).sum())
        rate_hz = count / population.count / recording.duration_ms * 1000.0
        rates.add_row(population.name, f"{population.count:,}", f"{count:,}", f"{rate_hz:.2f}")
    Console().print(rates)
    typer.echo(f"{settle + recording.duration_ms:g} ms simulated in {wall_s:.1f} s")
    if plot is not None:
        from livn_gym.plot import raster

        save_figure(raster(recording, recorded), plot)
    if session is not None and out is not None:
        session.save(out)


def _run(env: Env, duration_ms: float, label: str) -> Recording:
    """Run in chunks under a progress bar and return their concatenated recording."""
    from livn_gym.recording import Recording

    recordings, done_ms = [], 0.0
    with progress_bar(label, " ms") as show:
        while duration_ms - done_ms > env.dt / 2:
            chunk_ms = min(CHUNK_MS, duration_ms - done_ms)
            recordings.append(env.run(chunk_ms))
            done_ms += chunk_ms
            show(done_ms, duration_ms)
    return Recording.concat(recordings)


def _run_sweep(env: Env, sweep: ProbeSweep, device: DeviceProfile | None, label: str) -> tuple[Recording, Stimulus]:
    """Record the standard sweep under a progress bar."""
    from livn_gym.tuning import record_sweep

    total_ms, done_ms = sweep.duration_ms(env.electrodes.num_channels), 0.0
    with progress_bar(label, " ms") as show:

        def advance(ms: float) -> None:
            nonlocal done_ms
            done_ms += ms
            show(done_ms, total_ms)

        return record_sweep(env, sweep, settle_ms=0.0, device=device, progress=advance)
