"""Cultures under the array of a device, for the benchmarks of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np

from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.io import MEA
from livn_gym.system import generate, predefined_config


def culture(system: str, profile: DeviceProfile, *, scaled: bool, seed: int = 0, **options: Any) -> Env:
    """Return a culture with its own parameters under all electrodes of a device.

    Args:
        system: Name of the system.
        profile: The device.
        scaled: Whether the array covers the same area as the electrodes of the system; otherwise it keeps its pitch,
            and has its centre at theirs.
        seed: Seed of the background noise.
        **options: Further arguments of ``Env``.
    """
    made = generate(predefined_config(system))
    own, device = made.electrodes, profile.electrodes.coordinates_um
    middles = [0.5 * (array.min(axis=0) + array.max(axis=0)) for array in (own, device)]
    factor = np.ptp(own[:, 0]) / np.ptp(device[:, 0]) if scaled else 1.0
    # Electrodes of a large array are beyond the culture on purpose: no warning about those without cells.
    array = MEA((device - middles[1]) * factor + middles[0], input_radius=1e4, output_radius=1e4)
    return (
        Env(made, io=array, seed=seed, **{"profile": "fast", **options}).apply_model_defaults().record_spikes().init()
    )


def pitch_um(env: Env) -> float:
    """Return the distance of the closest two electrodes."""
    coordinates = env.electrodes.coordinates_um
    assert coordinates is not None
    return float(np.linalg.norm(coordinates[1:] - coordinates[0], axis=1).min())
