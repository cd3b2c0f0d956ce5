"""Systems under the electrodes of a device."""

import numpy as np
import pytest

from livn_gym import config, system
from livn_gym.device_profile import find
from livn_gym.device_system import device_system
from livn_gym.errors import InvalidInput
from livn_gym.system.generator_config import GeneratorConfig


@pytest.mark.parametrize("device", ["cl1", "mcs60"])
def test_the_array_is_the_devices_and_cells_are_as_dense_as_in_ei3(device):
    profile = find(device)
    made, base = device_system(profile), system.predefined_config("EI3")
    assert profile.electrodes.scale(made.electrodes) == pytest.approx(1.0)
    area_mm2 = np.ptp(made.bounding_box[:, :2], axis=0).prod() * 1e-6
    assert area_mm2 == pytest.approx(1.6**2)
    assert made.num_neurons == round(1000 * area_mm2)
    degrees = {(p.pre, p.post): len(p) / made.population(p.post).count for p in made.projections}
    for pair, expected in base.in_degree.items():
        assert degrees[pair] == pytest.approx(expected, rel=0.05)
    middle = made.bounding_box[:, :2].mean(axis=0)
    ends = made.electrodes[:, :2].min(axis=0) + made.electrodes[:, :2].max(axis=0)
    np.testing.assert_allclose(ends / 2, middle)


def test_a_seed_makes_another_graph():
    one, other = (device_system(find("cl1"), seed=seed) for seed in (1, 2))
    assert one.sha256() != other.sha256()
    assert one.sha256() == device_system(find("cl1"), seed=1).sha256()


def test_a_config_of_ones_own_keeps_its_cells():
    area = {"shape": "rectangle", "width_um": 1500, "height_um": 1450}
    numbers = _numbers() | {"area": area}
    numbers["connectivity"] = numbers["connectivity"] | {"sigma_um": 600, "cutoff_um": 2500}
    wide = GeneratorConfig.from_mapping(numbers, "wide")
    made = device_system(find("cl1"), wide)
    assert (made.name, made.num_neurons, made.num_channels) == ("wide", 100, 64)
    small = GeneratorConfig.from_mapping(_numbers(), "small")
    with pytest.raises(InvalidInput, match="array of cl1 is 1400 x 1400 um, larger than the area of small: 400 x 400"):
        device_system(find("cl1"), small)


def _numbers():
    numbers = config.load("systems", "EI2")
    del numbers["sha256"]
    return numbers
