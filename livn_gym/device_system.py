"""Systems that are generated for the array of a device."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from livn_gym.checks import checked
from livn_gym.device_profile import DeviceProfile
from livn_gym.errors import InvalidInput
from livn_gym.io.layout import pitch
from livn_gym.system import Population, System, generate, predefined_config
from livn_gym.system.generator_config import Area, ElectrodeGrid, GeneratorConfig

BASE = "EI3"
"""Predefined system whose density and connectivity a system for a device has by default."""

_LONE_UM = 100.0
"""Margin around an array of one electrode, um."""


@checked
def device_system(profile: DeviceProfile, config: GeneratorConfig | None = None, seed: int | None = None) -> System:
    """Generate a system under the electrodes of a device, unusable ones included.

    Args:
        profile: The device.
        config: Cells and connections; its own electrodes are replaced. Default: those of EI3 at the same density, on
            the area of the array with half a pitch around it.
        seed: Seed of the graph. Default: that of the config.

    Raises:
        InvalidInput: The array is larger than the area of the config.
    """
    electrodes = profile.electrodes.coordinates_um
    low, high = electrodes[:, :2].min(axis=0), electrodes[:, :2].max(axis=0)
    margin = (pitch(electrodes) or 2 * _LONE_UM) / 2
    chosen = _covering(profile.name, high - low + 2 * margin) if config is None else config
    area_um = np.array([chosen.area.width_um, chosen.area.height_um])
    if (high - low > area_um).any():
        raise InvalidInput(
            f"The array of {profile.name} is {' x '.join(f'{x:g}' for x in high - low)} um, larger than the area of "
            f"{chosen.name}: {' x '.join(f'{x:g}' for x in area_um)} um."
        )
    bare = replace(chosen, electrodes=ElectrodeGrid(1, 1, 100.0), sha256=None)
    positions = electrodes.copy()
    positions[:, :2] += area_um / 2 - (low + high) / 2
    positions = np.rint(positions * 1e3) / 1e3
    return replace(generate(bare, seed), name=chosen.name, electrodes=positions)


def _covering(name: str, size_um: np.ndarray) -> GeneratorConfig:
    """Return the config of the base system on another area, with as many cells per area."""
    base = predefined_config(BASE)
    ratio = float(size_um.prod()) / (base.area.width_um * base.area.height_um)
    populations: list[Population] = []
    for population in base.populations:
        start = populations[-1].stop if populations else 0
        populations.append(Population(population.name, start, max(round(population.count * ratio), 1)))
    area = Area("rectangle", float(size_um[0]), float(size_um[1]))
    return replace(base, name=name, area=area, populations=tuple(populations), sha256=None)
