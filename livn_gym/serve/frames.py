"""Messages to the page: a scene as JSON when it changes, and frames of the latest state as binary messages.

A frame is a little-endian uint32 with the length of a JSON header (padded with spaces to a multiple of 4), the header,
and three arrays whose lengths are in the header: cells of spikes (uint32 ``[S]``), their times since the first
observation (float32 ``[S]``, ms), and the spikes of every cell in the last second (uint8 ``[N]``, at most 255).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.decoding.rates import population_rates_hz
from livn_gym.envs.delivery import shares
from livn_gym.envs.tasks import Measurement
from livn_gym.plot.spikes import raster_spikes, raster_stride
from livn_gym.serve.messages import MAX_AMPLITUDE_UA, MAX_STEPS, SPEEDS
from livn_gym.serve.state import LiveStep, Scene, View


def scene_message(scene: Scene, ids: Sequence[str], agents: Sequence[str]) -> str:
    """Return the scene and the choices on the page as JSON; positions in um."""
    system = scene.system
    return json.dumps(
        {
            "type": "scene",
            "scene": scene.number,
            "id": scene.env_id,
            "ids": list(ids),
            "agents": list(agents),
            "system": system.name,
            "populations": [{"name": p.name, "start": p.start, "stop": p.stop} for p in system.populations],
            "cells": np.round(system.positions[:, :2], 1).tolist(),
            "electrodes": np.round(system.electrodes[:, :2], 1).tolist(),
            "box": system.bounding_box[:, :2].tolist(),
            "stride": raster_stride(system.num_neurons),
            "step_ms": scene.step_ms,
            "max_steps": scene.max_steps,
            "max_amplitude_uA": MAX_AMPLITUDE_UA,
            "max_steps_by_hand": MAX_STEPS,
            "speeds": SPEEDS,
        }
    )


def status_message(view: View) -> str:
    """Return the status before the first culture is built, as JSON."""
    return json.dumps({"type": "status", "status": view.status, "id": view.env_id, "error": view.error})


def answer_message(ref: int | None, *, note: str = "", error: str | None = None) -> str:
    """Return the answer to a command as JSON."""
    if error is not None:
        return json.dumps({"type": "error", "ref": ref, "message": error})
    return json.dumps({"type": "done", "ref": ref, "note": note})


def frame_message(view: View, since: int = -1) -> bytes:
    """Return a frame of all stored steps after a step number.

    Args:
        view: A view with a scene.
        since: Number of the latest step that the reader has; -1 for none.
    """
    scene = view.scene
    assert scene is not None
    steps = view.steps
    new = [step for step in steps if step.number > since]
    oldest = steps[max(0, len(steps) - scene.raster_steps)].number if steps else 0
    measurements = [step.measurement for step in new if step.number >= oldest]
    stride = raster_stride(scene.system.num_neurons)
    gids, times_ms = raster_spikes(((m.recording, m.time_ms) for m in measurements), stride)
    gid, time_ms = gids.astype("<u4"), times_ms.astype("<f4")
    counts = _last_second(steps, scene)
    latest = steps[-1].measurement if steps else None
    share = None if latest is None else shares(latest.charge_nC, scene.highest_charge_nC)
    info = steps[-1].info if steps else {}
    quantity = controlled_quantity(info)
    header = {
        "type": "frame",
        "scene": scene.number,
        "status": view.status,
        "id": view.env_id,
        "agent": view.agent,
        "strength": view.strength,
        "speed": view.speed,
        "episode": view.episode,
        "seed": view.seed,
        "step": view.step,
        "return": _number(view.total_reward),
        "last_return": _number(view.last_return),
        "error": view.error,
        "held": {str(channel): amplitude for channel, amplitude in view.held.items()},
        "info": {name: _number(value) for name, value in info.items() if not isinstance(value, str)},
        "followed": quantity,
        "steps": _columns(new, scene, quantity),
        "charge": [] if share is None else np.round(np.minimum(share, 1.0), 3).tolist(),
        "spikes": len(gid),
        "neurons": len(counts),
    }
    text = json.dumps(header, allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join((struct.pack("<I", len(text)), text, gid.tobytes(), time_ms.tobytes(), counts.tobytes()))


def read_frame(message: bytes) -> tuple[dict[str, Any], NDArray, NDArray, NDArray]:
    """Read a frame as the page does: header, cells of spikes, their times (ms), and counts of the last second."""
    (length,) = struct.unpack_from("<I", message)
    header = json.loads(message[4 : 4 + length])
    start, count = 4 + length, header["spikes"]
    gid = np.frombuffer(message, "<u4", count, start)
    time_ms = np.frombuffer(message, "<f4", count, start + 4 * count)
    return header, gid, time_ms, np.frombuffer(message, "u1", header["neurons"], start + 8 * count)


def controlled_quantity(info: Mapping[str, float]) -> str:
    """Return the entry of ``info`` that has a target ``target_<name>``, except the mean rate; ``""`` if none has."""
    names = (name.removeprefix("target_") for name in info if name.startswith("target_") and name != "target_hz")
    return next((name for name in names if name in info), "")


def _columns(steps: Sequence[LiveStep], scene: Scene, quantity: str) -> dict[str, list]:
    """Return the numbers of all steps by name, oldest first, with the controlled quantity, its mean and its target."""
    names = ("number", "time_ms", "rate", "rate_1s", "target", "reward", "wall_ms", "populations")
    columns: dict[str, list] = {name: [] for name in (*names, "measured", "measured_1s", "goal")}
    channels = []
    for step in steps:
        measurement = step.measurement
        columns["number"].append(step.number)
        columns["time_ms"].append(measurement.time_ms)
        columns["rate"].append(round(measurement.rate_hz, 3))
        columns["rate_1s"].append(round(measurement.rate_1s_hz, 3))
        columns["target"].append(_number(step.info.get("target_hz")))
        for name, key in (("measured", quantity), ("measured_1s", f"{quantity}_1s"), ("goal", f"target_{quantity}")):
            columns[name].append(_number(step.info.get(key)))
        columns["reward"].append(_number(step.reward))
        columns["wall_ms"].append(round(step.wall_ms, 3))
        columns["populations"].append(_population_rates(measurement, scene))
        if len(measurement.features) == scene.system.num_channels:
            channels.append(np.round(measurement.features, 1).tolist())
    return columns | {"channels": channels}


def _population_rates(measurement: Measurement, scene: Scene) -> list[float]:
    """Return the mean rate of a cell in each population, Hz."""
    recording = measurement.recording
    if recording is None:
        return [0.0] * len(scene.system.populations)
    return np.round(population_rates_hz(recording, scene.system)[0], 2).tolist()


def _last_second(steps: Sequence[LiveStep], scene: Scene) -> NDArray[np.uint8]:
    recent = steps[-math.ceil(1000.0 / scene.step_ms) :]
    gids = [step.measurement.recording.spikes[1] for step in recent if step.measurement.recording is not None]
    counts = np.bincount(np.concatenate([np.empty(0, np.int64), *gids]), minlength=scene.system.num_neurons)
    return np.minimum(counts, 255).astype("u1")


def _number(value: float | None) -> float | None:
    """Return a number for JSON, which is None if it is not finite."""
    return None if value is None or not math.isfinite(value) else round(float(value), 4)
