"""Names for implementations, without a list of them."""

from abc import ABC, abstractmethod

import pytest

from livn_gym import registry
from livn_gym.encoding import Encoding, PulseAmplitude
from livn_gym.errors import InvalidInput, UnknownName


class Shape(ABC):
    """What the package made below implements."""

    @abstractmethod
    def area(self):
        """Its area."""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with one implementation in a file of its own."""
    folder = tmp_path / "shapes_for_the_registry"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "unit_square.py").write_text(
        "import builtins\n"
        "Shape = builtins.shape_for_the_registry\n"
        "class Partial(Shape): pass\n"
        "class UnitSquare(Shape):\n"
        "    def __init__(self, scale, tilt=0): self.scale = scale\n"
        "    def area(self): return self.scale**2\n"
        "class _Hidden(UnitSquare): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("builtins.shape_for_the_registry", Shape, raising=False)
    return folder.name


def test_a_new_file_is_enough(package):
    assert list(registry.find(package, Shape)) == ["unit_square"]
    assert registry.create(package, Shape, "unit_square", {"scale": 3}).area() == 9


def test_what_is_imported_from_elsewhere_is_not_found_twice():
    assert list(registry.find("livn_gym.encoding", Encoding)) == [
        "channel_current",
        "pulse_amplitude",
        "pulse_rate",
        "replay",
    ]


@pytest.mark.parametrize(
    ("name", "snake"),
    [("PulseAmplitude", "pulse_amplitude"), ("LFPBandPower", "lfp_band_power"), ("ISICV", "isicv"), ("A1B", "a1_b")],
)
def test_snake_case(name, snake):
    assert registry.snake_case(name) == snake


def test_create_takes_a_name_a_class_or_an_object():
    by_name = registry.create("livn_gym.encoding", Encoding, "pulse_amplitude", {"rate_hz": 10})
    by_class = registry.create("livn_gym.encoding", Encoding, PulseAmplitude, {"rate_hz": 10})
    assert type(by_name) is type(by_class) is PulseAmplitude
    assert by_name.rate_hz == by_class.rate_hz == 10
    assert registry.create("livn_gym.encoding", Encoding, by_name, {}) is by_name


def test_create_says_what_is_wrong():
    def make(spec, **options):
        return registry.create("livn_gym.encoding", Encoding, spec, options)

    with pytest.raises(UnknownName, match="Unknown encoding 'pulse_amplitud'. Did you mean 'pulse_amplitude'"):
        make("pulse_amplitud")
    with pytest.raises(
        InvalidInput, match="PulseAmplitude got an unexpected keyword argument 'rate'.*max_amplitude_uA"
    ):
        make("pulse_amplitude", rate=3)
    with pytest.raises(InvalidInput, match="ChannelCurrent.*missing a required argument: 'duration_ms'"):
        make("channel_current")
    with pytest.raises(InvalidInput, match=r"Options \['rate_hz'\] cannot be given with a finished PulseAmplitude"):
        make(PulseAmplitude(), rate_hz=3)
    for spec in (None, 3, int, Encoding):
        with pytest.raises(InvalidInput, match="Encoding must be given as a name, a class or an object"):
            make(spec)
