"""Settings of the simulated CL1: JSON and back, and what is refused before a culture is built."""

import json

import pytest

from livn_gym.devices.cl_culture import SimulatedCulture
from livn_gym.devices.cl_settings import FACTORY, CultureSettings, environment
from livn_gym.errors import InvalidInput, UnknownName, UnknownOption
from livn_gym.references import load


def test_settings_travel_as_json():
    settings = CultureSettings(
        system="EI3",
        seed=4,
        params={"noise-std_e": 0.2},
        conditions=["synapses_cut", {"name": "latency", "latency_ms": 40.0}],
        plasticity=["stdp"],
    )
    variables = environment(settings, accelerated=True)
    assert CultureSettings.of(json.loads(variables["CL_SDK_DATA_SOURCE_CONFIG"])) == settings
    assert variables["CL_SDK_ACCELERATED_TIME"] == "1"
    assert environment(settings)["CL_SDK_ACCELERATED_TIME"] == "0"
    assert json.loads(variables["CL_SDK_DATA_SOURCE_METADATA"]) == {
        "channel_count": 64,
        "frames_per_second": 25_000,
        "uV_per_sample_unit": 0.195,
        "seekable": False,
    }
    assert callable(load(FACTORY))


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"sed": 1}, UnknownOption, "Did you mean 'seed'"),
        ({"seed": -1}, InvalidInput, "seed"),
        ({"settle_ms": -1.0}, InvalidInput, "settle_ms"),
        ({"block_ms": 0.0}, InvalidInput, "block_ms"),
        ({"conditions": "synapses_cut"}, InvalidInput, "conditions"),
        ({"plasticity": ["hebb"]}, UnknownName, "'stdp'"),
    ],
)
def test_wrong_settings_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        CultureSettings.of(options)


def test_objects_cannot_travel():
    with pytest.raises(InvalidInput, match="JSON"):
        CultureSettings(conditions=[object()]).json()


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"system": "EI1"}, InvalidInput, "do not form the array of the Cortical Labs CL1"),
        ({"system": "EI9"}, UnknownName, "EI9"),
        ({"conditions": ["cut"]}, UnknownName, "synapses_cut"),
        ({"params": {"weight-X": 1.0}}, UnknownName, "weight-X"),
    ],
)
def test_cultures_that_cannot_be_built_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        SimulatedCulture(CultureSettings.of({"settle_ms": 0.0, **options}))
