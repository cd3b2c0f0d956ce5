"""Results of an agent's episodes on a device: a table, files, and a summary of what was sent."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from livn_gym.atomic import replacing
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.devices.timing import StepTiming

SESSION, EPISODES, STEPS, CHANNELS = "session.json", "episodes.csv", "steps.csv", "channels.npz"
"""Files in the folder of a session, besides the ledger and the device's own recording."""

HEADINGS = (
    "episode",
    "return",
    "charge (nC)",
    "rate (Hz)",
    "latency (ms)",
    "jitter (ms)",
    "late (ms)",
    "refused",
    "ended by",
)
"""Headings of the table of episodes; latency and jitter are median, 95th percentile and maximum, ``late`` is the
largest delay of a pulse behind its command."""


@dataclass(frozen=True)
class DeployedEpisode:
    """Result of one episode on a device.

    Attributes:
        episode: Number of the episode, from 1.
        seed: Seed of the task; a device's culture has none.
        steps: Number of steps.
        total_reward: Return.
        rate_hz: Mean of ``rate_hz`` over the steps, Hz per channel.
        charge_nC: Absolute charge that was sent, nC.
        reset_charge_nC: The part of it that was sent before the first step, for the calibration of the task.
        latency_ms: Median, 95th percentile and maximum of the latency of the steps, see ``StepTiming``.
        jitter_ms: The same of the absolute jitter; NaN in accelerated time.
        stim_delay_ms: Largest delay of a reported pulse relative to its commanded time; NaN without pulses.
        unconfirmed: Number of pulses since the start of the session that the device has not reported.
        refused: Number of refused stimuli.
        ended: ``"time limit"``, ``"task"``, or the reason for which the session was stopped.
        completed: Whether the episode came to its end.
    """

    episode: int
    seed: int
    steps: int
    total_reward: float
    rate_hz: float
    charge_nC: float
    reset_charge_nC: float
    latency_ms: tuple[float, ...]
    jitter_ms: tuple[float, ...]
    stim_delay_ms: float
    unconfirmed: int
    refused: int
    ended: str
    completed: bool

    def row(self) -> list[str]:
        """Return the cells of the table of episodes, see ``HEADINGS``."""
        return [
            str(self.episode),
            f"{self.total_reward:.2f}",
            f"{self.charge_nC:,.0f}",
            "-" if math.isnan(self.rate_hz) else f"{self.rate_hz:.2f}",
            _three(self.latency_ms),
            _three(self.jitter_ms),
            "-" if math.isnan(self.stim_delay_ms) else f"{self.stim_delay_ms:.2f}",
            str(self.refused),
            self.ended,
        ]


def summary(lines: Sequence[Mapping[str, Any]]) -> str:
    """Describe in a sentence what was sent, from the lines of a ledger."""
    commands = [command for line in lines if line["event"] == "sent" for command in line["commands"]]
    if not commands:
        return "Nothing was sent."
    pulses = sum(command["count"] * len(command["channels"]) for command in commands)
    channels = {channel for command in commands for channel in command["channels"]}
    currents = [abs(current) for command in commands for _, current in command["phases"]]
    widths = [width for command in commands for width, _ in command["phases"]]
    charge_uC = [line["session_charge_uC"] for line in lines if line["event"] == "sent"][-1]
    spans = f"{_span(currents, 'uA')}, phases of {_span(widths, 'us')}"
    return f"Sent: {pulses:,} pulses at {len(channels)} channels, {spans}, {charge_uC:.3g} uC in all."


def calibration(episodes: Sequence[DeployedEpisode]) -> str | None:
    """Describe in a sentence which part of the charge calibrated the task; None if there was none."""
    charge_nC = sum(episode.reset_charge_nC for episode in episodes)
    return f"Of this, {charge_nC:,.0f} nC calibrated the task before the first step." if charge_nC else None


def refusals(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the messages of all refused stimuli, from the lines of a ledger."""
    return [line["reason"] for line in lines if line["event"] == "refused"]


def write(folder: Path, plant: GuardedPlant, episodes: Sequence[DeployedEpisode], origin: Mapping[str, Any]) -> None:
    """Write results to the folder of a session.

    Args:
        folder: The folder, which has the ledger and the device's own recording already.
        plant: The device.
        episodes: The episodes.
        origin: Provenance of the results.
    """
    content = {
        **origin,
        "limits": plant.limits.as_json(),
        "refusals": plant.guard.refusals,
        "stopped": plant.guard.stopped,
        "session_charge_uC": plant.guard.charge_uC,
        "electrode_charge_nC": plant.guard.electrode_charge_nC.tolist(),
        "pulses": plant.guard.pulses_sent,
    }
    with replacing(folder / SESSION) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _write_rows(folder / EPISODES, _columns(DeployedEpisode), [_flat(row) for row in episodes])
    _write_rows(folder / STEPS, _columns(StepTiming), [_flat(row) for row in plant.steps])
    channel, t_ms = (np.concatenate(parts) for parts in zip(*plant.spikes, strict=True)) if plant.spikes else ([], [])
    electrodes = plant.profile.electrodes
    with replacing(folder / CHANNELS) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            channel=np.array(channel, dtype=np.int64),
            t_ms=np.array(t_ms, dtype=np.float64),
            names=np.array(electrodes.names),
            coordinates_um=electrodes.coordinates_um,
            duration_ms=np.float64(sum(step.duration_ms for step in plant.steps)),
        )


def _write_rows(path: Path, names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _span(values: Sequence[float], unit: str) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g} {unit}" if low == high else f"{low:.3g} to {high:.3g} {unit}"


_PARTS = ("median", "p95", "max")


def _columns(kind: type[DeployedEpisode | StepTiming]) -> list[str]:
    """Return the columns of a table; a tuple of percentiles has three."""
    pairs = [(field.name, field.type) for field in fields(kind)]
    return [
        column
        for name, of in pairs
        for column in ([f"{name}_{part}" for part in _PARTS] if str(of).startswith("tuple") else [name])
    ]


def _flat(row: DeployedEpisode | StepTiming) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in asdict(row).items():
        values |= (
            {f"{name}_{part}": v for part, v in zip(_PARTS, value, strict=True)}
            if isinstance(value, tuple)
            else {name: value}
        )
    return values


def _three(values: Sequence[float]) -> str:
    return "-" if math.isnan(values[0]) else " / ".join(f"{value:.{1 if value < 99.95 else 0}f}" for value in values)
