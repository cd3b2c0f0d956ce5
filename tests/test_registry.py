"""What a name, a reference, a path, a class, an object or a mapping stands for."""

import sys
import textwrap
import warnings
from abc import ABC, abstractmethod

import pytest

from livn_gym import backends, decoding, encoding, io, models, plugins, references, registry
from livn_gym.devices import plants
from livn_gym.encoding import ENCODINGS, Encoding, PulseAmplitude
from livn_gym.envs import tasks
from livn_gym.errors import ImportFailed, InvalidInput, PluginWarning, UnknownName, UnknownOption


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


@pytest.fixture
def offer(tmp_path, monkeypatch):
    """Installs a package that offers entry points: ``offer(package, group, {name: reference}, module text)``."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(package, group, names, text=""):
        (tmp_path / f"{package}.py").write_text(textwrap.dedent(text))
        about = tmp_path / f"{package}-1.5.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
        lines = "".join(f"{name} = {value}\n" for name, value in names.items())
        (about / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        plugins._read.cache_clear()
        return package

    yield install
    plugins._read.cache_clear()


LOUDER = """
    from livn_gym.encoding import PulseAmplitude

    class Louder(PulseAmplitude):
        def __init__(self, rate_hz=5.0):
            super().__init__(rate_hz=rate_hz)

    LOUD = Louder(7.0)

    def loudest(rate_hz):
        return Louder(rate_hz)

    def nothing():
        return None
"""


def test_a_new_file_is_enough(package):
    assert list(registry.find(package, Shape)) == ["unit_square"]
    assert registry.Kind("shape", Shape, package).make("unit_square", scale=3).area() == 9


def test_what_is_imported_from_elsewhere_is_not_found_twice():
    assert encoding.names() == [
        "channel_current",
        "electrodes_and_light",
        "light_pulses",
        "pulse_amplitude",
        "pulse_rate",
        "replay",
    ]
    assert io.names() == ["mea"]


@pytest.mark.parametrize(
    ("name", "snake"),
    [("PulseAmplitude", "pulse_amplitude"), ("LFPBandPower", "lfp_band_power"), ("ISICV", "isicv"), ("A1B", "a1_b")],
)
def test_snake_case(name, snake):
    assert registry.snake_case(name) == snake


def test_shipped_things_are_made_from_a_name_a_class_a_mapping_or_an_object():
    made = [
        encoding.make("pulse_amplitude", rate_hz=10),
        encoding.make(PulseAmplitude, rate_hz=10),
        encoding.make({"name": "pulse_amplitude", "rate_hz": 10}),
        encoding.make({"name": PulseAmplitude}, rate_hz=10),
        encoding.make("livn_gym.encoding:PulseAmplitude", rate_hz=10),
    ]
    assert {type(one) for one in made} == {PulseAmplitude}
    assert [one.rate_hz for one in made] == [10.0] * 5
    assert encoding.make(made[0]) is made[0]
    assert type(models.make("livn_gym.models:IzhikevichModel")) is models.IzhikevichModel
    assert decoding.make("channel_rates", duration=100.0).duration == 100.0


@pytest.mark.parametrize(
    ("spec", "options", "rate_hz"),
    [
        ("{module}:Louder", {}, 5.0),
        ("{module}:Louder", {"rate_hz": 9.0}, 9.0),
        ({"name": "{module}:Louder", "rate_hz": 9.0}, {}, 9.0),
        ("{module}:LOUD", {}, 7.0),
        ("{module}:loudest", {"rate_hz": 8.0}, 8.0),
        ("{folder}/{module}.py:Louder", {}, 5.0),
        ("{folder}/{module}.py", {}, 5.0),
        ("{folder}/{module}.py:loudest", {"rate_hz": 8.0}, 8.0),
        ("quiet", {}, 5.0),
        ({"name": "quiet", "rate_hz": 4.0}, {}, 4.0),
        ("made", {"rate_hz": 8.0}, 8.0),
    ],
)
def test_things_of_ones_own(offer, tmp_path, spec, options, rate_hz):
    names = {"quiet": "loud_package:Louder", "made": "loud_package:loudest"}
    module = offer("loud_package", "livn_gym.encodings", names, LOUDER)
    where = {"module": module, "folder": tmp_path}
    filled = spec.format(**where) if isinstance(spec, str) else spec | {"name": spec["name"].format(**where)}
    made = encoding.make(filled, **options)
    assert type(made).__name__ == "Louder" and made.rate_hz == rate_hz


def test_installed_names_are_listed_and_imported_on_use(offer):
    offer("lazy_package", "livn_gym.encodings", {"lazy": "lazy_package:Louder"}, LOUDER)
    assert encoding.names()[-1] == "lazy"
    with pytest.raises(UnknownName, match="Did you mean 'lazy'"):
        encoding.make("lasy")
    assert "lazy_package" not in sys.modules
    assert type(encoding.make("lazy")) is type(encoding.make("lazy"))


def test_a_package_that_is_broken_is_named_and_leaves_others_alone(offer):
    offer("broken_package", "livn_gym.encodings", {"broken": "broken_package:Louder"}, "import no_such_module")
    offer("sound_package", "livn_gym.encodings", {"sound": "sound_package:Louder"}, LOUDER)
    with pytest.raises(ImportFailed, match=r"'broken' of broken_package 1.5 .*ModuleNotFoundError.*no_such_module"):
        encoding.make("broken")
    assert {"broken", "sound"} < set(encoding.names())
    assert encoding.make("sound").rate_hz == 5.0
    assert encoding.make("pulse_amplitude").rate_hz == 20.0


def test_a_shipped_name_is_not_replaced_and_the_package_is_named(offer):
    offer("rude_package", "livn_gym.encodings", {"pulse_rate": "rude_package:Louder"}, LOUDER)
    assert type(encoding.make("pulse_rate", max_rate_hz=50.0)).__module__ == "livn_gym.encoding.pulse_rate"
    with pytest.warns(PluginWarning, match=r"rude_package 1.5 offers 'pulse_rate'.*'rude_package:Louder'"):
        assert encoding.names().count("pulse_rate") == 1
    assert type(encoding.make("rude_package:Louder")).__name__ == "Louder"


def test_a_name_of_two_packages_is_an_error_for_that_name_alone(offer):
    offer("first_package", "livn_gym.encodings", {"same": "first_package:Louder"}, LOUDER)
    offer(
        "second_package",
        "livn_gym.encodings",
        {"same": "second_package:Louder", "own": "second_package:Louder"},
        LOUDER,
    )
    with pytest.raises(InvalidInput, match="first_package 1.5.*second_package 1.5|second_package.*first_package"):
        encoding.make("same")
    assert encoding.make("own").rate_hz == 5.0


def test_what_is_wrong_is_said(offer, tmp_path):
    offer("wrong_package", "livn_gym.encodings", {}, LOUDER)
    make = encoding.make
    with pytest.raises(UnknownName, match="Unknown encoding 'pulse_amplitud'. Did you mean 'pulse_amplitude'"):
        make("pulse_amplitud")
    with pytest.raises(
        UnknownOption, match="PulseAmplitude got an unexpected keyword argument 'rate'.*max_amplitude_uA"
    ):
        make("pulse_amplitude", rate=3)
    with pytest.raises(InvalidInput, match="ChannelCurrent.*missing a required argument: 'duration_ms'"):
        make("channel_current")
    with pytest.raises(InvalidInput, match=r"Options \['rate_hz'\] cannot be given with a finished PulseAmplitude"):
        make(PulseAmplitude(), rate_hz=3)
    with pytest.raises(InvalidInput, match="no module 'no_such_module'.*'folder/file.py:Thing'"):
        make("no_such_module.part:Thing")
    with pytest.raises(UnknownName, match="'Loud'. Did you mean 'Louder'"):
        make("wrong_package:Loud")
    with pytest.raises(InvalidInput, match="wrong_package:nothing' must make an encoding, it made None"):
        make("wrong_package:nothing")
    with pytest.raises(InvalidInput, match="An encoding must be given as .* got 'json:JSONDecoder', which is"):
        make("json:JSONDecoder")
    with pytest.raises(InvalidInput, match="no file .*none.py"):
        make(str(tmp_path / "none.py"))
    with pytest.raises(InvalidInput, match="needs a 'name'"):
        make({"rate_hz": 3.0})
    with pytest.raises(InvalidInput, match="'duration' is no option of 'channel_rates' here"):
        decoding.DECODINGS.make({"name": "channel_rates", "duration": 3.0}, duration=200.0)
    for spec in (None, 3, int, Encoding, b"pulse_rate"):
        with pytest.raises(InvalidInput, match="An encoding must be given as a name"):
            ENCODINGS.make(spec)


KINDS = [
    encoding.ENCODINGS,
    decoding.DECODINGS,
    io.IOS,
    models.MODELS,
    backends.BACKENDS,
    plants.DRIVERS,
    tasks.TASKS,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_incomplete_class_is_told_what_it_lacks(tmp_path, kind):
    base, path = kind.base, tmp_path / "half.py"
    path.write_text(f"from {base.__module__} import {base.__name__}\nclass Half({base.__name__}): pass\n")
    half = references.load_file(f"{path}:Half", object)
    lacking = ", ".join(sorted(base.__abstractmethods__))
    for make in (kind.make, tasks.find) if kind is tasks.TASKS else (kind.make,):
        for spec in (half, str(path), f"{path}:Half"):
            with pytest.raises(InvalidInput, match=f"Half lacks: {lacking}"):
                make(spec)


def test_a_file_says_what_it_lacks(tmp_path):
    two = tmp_path / "two.py"
    two.write_text("from livn_gym.encoding import PulseRate\nclass A(PulseRate): pass\nclass B(PulseRate): pass\n")
    with pytest.raises(InvalidInput, match="must define one subclass of Encoding, it defines A, B"):
        encoding.make(str(two))
    bad = tmp_path / "bad.py"
    bad.write_text("1 / 0")
    with pytest.raises(ImportFailed, match="bad.py' cannot be executed: ZeroDivisionError"):
        encoding.make(str(bad))
    bad.write_text("import sys; sys.exit(3)")  # a script, which would end this process
    with pytest.raises(ImportFailed, match="bad.py' cannot be executed: SystemExit: 3"):
        encoding.make(str(bad))
    assert not [name for name in sys.modules if name.startswith("livn_gym_file_bad")]


def test_a_file_is_executed_once_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "mine.py"
    path.write_text("from livn_gym.encoding import PulseRate\nclass Mine(PulseRate): level = 1\n")
    first = ENCODINGS.find(str(path))
    monkeypatch.chdir(tmp_path)
    assert ENCODINGS.find("mine.py:Mine") is first
    assert references.reference(first) == f"{path}:Mine" == references.located("mine.py:Mine")
    path.write_text("from livn_gym.encoding import PulseRate\nclass Mine(PulseRate): level = 2\n")
    assert ENCODINGS.find("mine.py").level == 2


def test_a_thing_that_must_be_new_for_every_use_is_not_taken_as_an_object():
    kind = registry.Kind("encoding", Encoding, "livn_gym.encoding", objects=False)
    assert type(kind.make(PulseAmplitude)) is PulseAmplitude
    with pytest.raises(InvalidInput, match="made anew for every use: give its class"):
        kind.make(PulseAmplitude())


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("pulse_rate", False),
        ("module:Attribute", True),
        ("module:Env-v0", True),
        ("folder/file.py", True),
        ("folder/culture", False),
        ({"name": "latency", "latency_ms": 3.0}, False),
        ([{"name": "latency"}, {"name": "a:B"}], True),
        (({"deep": {"deeper": ["x.py:Y"]}},), True),
        (3.0, False),
        (None, False),
    ],
)
def test_what_could_import_code_is_known(value, named):
    assert references.names_code(value) is named


def test_references_of_classes_are_those_by_which_they_are_found():
    class Local(PulseAmplitude):
        pass

    assert references.load(references.reference(PulseAmplitude)) is PulseAmplitude
    assert references.reference(Local) is None


def test_names_without_packages_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for package in (encoding, decoding, models, io):
            assert package.names()
