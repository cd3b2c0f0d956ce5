"""Files written by us and read by the formats' own libraries, and back."""

import re
from dataclasses import replace
from pathlib import Path

import h5py
import libsonata
import numpy as np
import pytest
from cultures import equal
from sessions import RECORDED, made, stimulus

from livn_gym.blanked_times import Blanking
from livn_gym.errors import BackendUnavailable, CorruptData, InvalidInput, UnknownName
from livn_gym.formats import FORMATS, Session, left_out, read, write

NAMES = sorted(FORMATS)
OLD = Path(__file__).parents[1] / "data" / "format-2"
"""The session of `sessions.made` as it was written before voltages of dendrites could be."""
EMPTY = np.zeros(0, np.int64)
SILENT = replace(RECORDED, spike_culture=EMPTY, spike_gid=EMPTY, spike_t=np.zeros(0))
DENDRITES = replace(
    RECORDED, voltage_dendrite=RECORDED.voltage_soma + np.arange(2)[:, None], voltage_compartment="dendrite"
)


def blanked(channel, start, stop):
    """The recording, with these channels blanked from and until these steps."""
    cells, steps = np.array([1, -1, 0]), (np.array(times) * 0.025 for times in (start, stop))
    culture, channel = np.zeros(len(channel), np.int64), np.array(channel, dtype=np.int64)
    return replace(RECORDED, blanking=Blanking(50.0, 1, 2, cells, culture, channel, *steps))


BLANKED = blanked([0, 0, 1], [160, 401, 1725], [296, 457, 2000])
SESSIONS = {
    "whole": {},
    "blanked": {"recording": BLANKED},
    "blanked nowhere": {"recording": blanked([], [], [])},
    "blanked throughout": {"recording": blanked([0, 1], [0, 1725], [2000, 2000]).where(RECORDED.spike_gid != 2)},
    "dendrites": {"recording": DENDRITES},
    "dendrites alone": {"recording": replace(DENDRITES, voltage_soma=None)},
    "silent": {"recording": SILENT},
    "no stimulus": {"stimulus": None},
    "no electrodes": {
        "electrodes_um": np.zeros((0, 3)),
        "channel_cells": np.zeros((0, 2), np.int64),
        "stimulus": None,
        "potential": None,
    },
    "nothing recorded": {"channel_cells": np.zeros((0, 2), np.int64)},
    "seed of 64 bits": {"seed": 2**64 - 1},
    "spikes alone": {
        "recording": replace(
            RECORDED, voltage_soma=None, voltage_gid=None, current_gid=None, current_soma=None, current_dendrite=None
        ),
        "potential": None,
    },
}


def path_of(folder, name):
    return folder / f"a{FORMATS[name].suffix}"


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name, kind, tmp_path):
    session = made(**SESSIONS[kind])
    write(session, path_of(tmp_path, name), name)
    again = read(path_of(tmp_path, name), name)
    assert again.metadata() == session.metadata(traces=FORMATS[name].traces)
    expected = session.arrays(traces=FORMATS[name].traces)
    assert again.arrays().keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_array_equal(again.arrays()[key], array)
    _, gid, t_ms = session.recording.spikes
    assert np.array_equal(again.recording.spikes[1], gid)
    assert np.array_equal(again.recording.spikes[2], t_ms)  # also of formats that count in seconds
    if name == "neo":
        assert equal(again.recording, session.recording)
    assert [path.name for path in tmp_path.iterdir()] == [path_of(tmp_path, name).name]


@pytest.mark.parametrize("name", NAMES)
def test_blanked_times_that_end_with_the_recording_but_for_rounding_are_read_again(name, tmp_path):
    """As those of joined runs and slices, whose length is a difference of times."""
    blanking = replace(blanked([0], [160], [2000]).blanking, stop_ms=np.array([np.nextafter(50.0, 60.0)]))
    session = made(recording=replace(RECORDED, blanking=blanking))
    write(session, path_of(tmp_path, name), name)
    assert read(path_of(tmp_path, name), name).recording.blanking.stop_ms == [50.0]


@pytest.mark.parametrize("name", NAMES)
def test_blanked_times_are_read_again(name, tmp_path):
    session = made(recording=BLANKED)
    write(session, path_of(tmp_path, name), name)
    again = read(path_of(tmp_path, name), name).recording
    assert session.metadata()["format"] == 4
    np.testing.assert_array_equal(again.listening_ms([0, 1, 2]), session.recording.listening_ms([0, 1, 2]))
    assert again.listening_ms([0])[0, 0] == pytest.approx(43.125)


@pytest.mark.parametrize(
    ("array", "value"),
    [
        ("blanked_channel", [0, 0, 2]),
        ("blanked_channel", [0.0, 0.5, 1.0]),
        ("blanked_start_ms", [0.0, 3.0, 1.0]),
        ("blanked_stop_ms", [3.4, 11.0, 60.0]),
        ("blanking_channels", [0, 1]),
        ("blanking_channels", [0, 1, 2]),
    ],
)
def test_blanked_times_that_cannot_be_are_damage(array, value):
    session = made(recording=BLANKED)
    _, gid, t_ms = session.recording.spikes
    with pytest.raises(CorruptData, match="blank"):
        Session.from_parts(session.metadata(), gid, t_ms, session.arrays() | {array: np.array(value)})


@pytest.mark.parametrize("name", NAMES)
def test_files_of_format_2_are_read_and_their_format_is_still_written(name):
    session = made()
    old = read(path_of(OLD, name), name)
    assert old.metadata() == session.metadata() and session.metadata()["format"] == 2
    for key, array in session.arrays(traces=FORMATS[name].traces).items():
        np.testing.assert_array_equal(old.arrays()[key], array)
    assert np.array_equal(old.recording.spike_t, session.recording.spike_t)


def test_an_npz_of_format_2_is_read():
    session, old = made(), Session.load(OLD / "a.npz")
    assert old.metadata() == session.metadata() and equal(old.recording, session.recording)


def test_a_file_with_voltages_of_dendrites_is_of_format_3(tmp_path):
    session = made(recording=DENDRITES)
    assert session.metadata()["format"] == 3 and session.metadata()["voltage_compartment"] == "dendrite"
    session.save(tmp_path / "a.npz")
    again = Session.load(tmp_path / "a.npz").recording
    assert np.array_equal(again.voltage, DENDRITES.voltage_dendrite)
    assert np.array_equal(again.voltage_soma, RECORDED.voltage_soma)
    with pytest.raises(CorruptData, match="compartment"):
        Session.from_parts(session.metadata() | {"voltage_compartment": "axon"}, [0], [1.0], session.arrays())


def test_pynwb_reads_what_was_recorded(tmp_path):
    from pynwb import NWBHDF5IO, validate

    write(made(), tmp_path / "a.nwb", "nwb")
    assert validate(path=str(tmp_path / "a.nwb")) == []
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        file = io.read()
        electrodes = file.electrodes.to_dataframe()
        assert electrodes[["rel_x", "rel_y", "rel_z"]].values.tolist() == [[0, 0, 0], [150, 25, -1]]
        units = file.units.to_dataframe()
        assert units.index.tolist() == [0, 1, 2] and units["population"].tolist() == ["EXC", "EXC", "INH"]
        assert [times.tolist() for times in units["spike_times"]] == [[0.0025, 0.04], [0.0025], [0.001]]
        assert [channels.index.tolist() for channels in units["electrodes"]] == [[0, 1], [], [1]]
        assert units["obs_intervals"][0].tolist() == [[0.0, 0.05]]
        assert file.units.resolution == 0.025e-3
        series = file.stimulus["stimulus_0"]
        assert (series.unit, series.conversion, series.continuity) == ("amperes", 1e-6, "step")
        assert series.data[:3].tolist() == [-10.0, 10.0, 0.0]  # cathodic, anodic, off
        assert np.allclose(series.timestamps[:3], [0.003, 0.0032, 0.0034])
        voltage = file.acquisition["voltage"]
        assert (voltage.unit, voltage.conversion, voltage.rate) == ("volts", 1e-3, 2000.0)
        assert np.array_equal(voltage.data[:], RECORDED.voltage[0].T)
        assert file.session_start_time.isoformat() == "2024-05-06T07:08:09+00:00"


def test_pynwb_reads_when_cells_were_recorded(tmp_path):
    from pynwb import NWBHDF5IO, validate

    write(made(recording=BLANKED), tmp_path / "a.nwb", "nwb")
    assert validate(path=str(tmp_path / "a.nwb")) == []
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        file = io.read()
        observed = file.units.to_dataframe()["obs_intervals"]
        np.testing.assert_allclose(observed[0], [[0.0, 0.043125]])
        np.testing.assert_allclose(observed[1], [[0.0, 0.05]])
        np.testing.assert_allclose(observed[2], [[0.0, 0.004], [0.0074, 0.010025], [0.011425, 0.05]])
        assert file.invalid_times.to_dataframe()["channel"].tolist() == [0, 0, 1]


def inspected(path):
    """Names of what nwbinspector finds; who experimented where is for the user to add, and Neo reads no keywords."""
    from nwbinspector import inspect_nwbfile

    found = {message.check_function_name for message in inspect_nwbfile(nwbfile_path=path)}
    two_electrodes = {"check_column_binary_capability"}  # their numbers look like a yes and a no
    return found - {"check_experimenter_exists", "check_institution", "check_keywords"} - two_electrodes


@pytest.mark.parametrize("kind", [kind for kind in SESSIONS if kind != "silent"])
def test_nwbinspector_finds_nothing_to_improve(kind, tmp_path):
    write(made(**SESSIONS[kind]), tmp_path / "a.nwb", "nwb")
    assert inspected(tmp_path / "a.nwb") == set()


def test_nwbinspector_fails_on_silence_but_the_file_is_valid(tmp_path):
    from pynwb import validate

    write(made(recording=SILENT), tmp_path / "a.nwb", "nwb")
    assert validate(path=str(tmp_path / "a.nwb")) == []
    # three of its checks look at the first spike without asking whether there is one
    assert all(name.startswith("During evaluation of") for name in inspected(tmp_path / "a.nwb"))


def test_an_nwb_identifier_is_that_of_the_content():
    from livn_gym.formats.nwb import to_nwb

    assert to_nwb(made()).identifier == to_nwb(made()).identifier
    assert to_nwb(made()).identifier != to_nwb(made(seed=8)).identifier


def test_neo_reads_what_was_recorded(tmp_path):
    import quantities as pq
    from neo.io import NixIO

    write(made(), tmp_path / "a.nix", "neo")
    with NixIO(str(tmp_path / "a.nix"), mode="ro") as io:
        (block,) = io.read_all_blocks()
    assert (block.name, block.annotations["seed"], block.annotations["profile"]) == ("hand-made", "7", "exact")
    (segment,) = block.segments
    assert [train.name for train in segment.spiketrains] == ["EXC 0", "EXC 1", "INH 2"]
    first = segment.spiketrains[0]
    assert first.rescale("ms").magnitude.tolist() == [2.5, 40.0] and first.t_stop == 50.0 * pq.ms
    assert (first.annotations["population"], first.annotations["channels"]) == ("EXC", "[0, 1]")
    signals = {signal.name: signal for signal in segment.analogsignals}
    assert signals["voltage"].units == pq.mV and signals["current_soma"].units == pq.nA
    assert np.array_equal(signals["voltage"].magnitude, RECORDED.voltage[0].T)
    assert signals["voltage"].sampling_period.rescale("ms") == 0.5 * pq.ms
    (given,) = segment.irregularlysampledsignals
    assert given.units.dimensionality.string == "uA" and given.magnitude[:2].tolist() == [[-10, -4], [10, 4]]
    assert np.allclose(given.times.rescale("ms").magnitude[:3], [3.0, 3.2, 3.4])


def test_libsonata_reads_the_spikes(tmp_path):
    write(made(), tmp_path / "a.h5", "sonata")
    reader = libsonata.SpikeReader(str(tmp_path / "a.h5"))
    assert sorted(reader.get_population_names()) == ["EXC", "INH"]
    assert reader["EXC"].get() == [(0, 2.5), (1, 2.5), (0, 40.0)]
    assert reader["INH"].get() == [(0, 1.0)]  # ids count within the population
    assert reader["EXC"].sorting == "by_time"
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["spikes/EXC/timestamps"].attrs["units"] == "ms"


def test_pyarrow_reads_the_table(tmp_path):
    from pyarrow import parquet

    write(made(), tmp_path / "a.parquet", "parquet")
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == [
        {"gid": 2, "population": "INH", "t_ms": 1.0},
        {"gid": 0, "population": "EXC", "t_ms": 2.5},
        {"gid": 1, "population": "EXC", "t_ms": 2.5},
        {"gid": 0, "population": "EXC", "t_ms": 40.0},
    ]


@pytest.mark.parametrize("name", NAMES)
def test_damaged_and_foreign_files_are_found(name, tmp_path):
    path = path_of(tmp_path, name)
    write(made(), path, name)
    whole = path.read_bytes()
    for content in (b"", b"no such file", whole[: len(whole) // 3]):
        path.write_bytes(content)
        with pytest.raises(CorruptData):
            read(path, name)


def test_files_of_others_are_refused(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"gid": [1], "t_ms": [2.0]}), tmp_path / "a.parquet")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spikes/EXC/node_ids"] = [1]
    for name in ("parquet", "sonata"):
        with pytest.raises(InvalidInput, match="no spikes of livn_gym"):
            read(path_of(tmp_path, name), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_exists_is_kept_until_told(name, tmp_path):
    path = path_of(tmp_path, name)
    path.write_text("precious")
    with pytest.raises(InvalidInput, match="exists already"):
        write(made(), path, name)
    assert path.read_text() == "precious"
    write(made(), path, name, replace=True)
    assert read(path, name).seed == 7


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_write_leaves_nothing(name, tmp_path, monkeypatch):
    def fail(session, path):
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(f"{FORMATS[name].module}.write", fail)
    with pytest.raises(OSError, match="disk full"):
        write(made(), path_of(tmp_path, name), name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["neo", "nwb", "parquet"])
def test_a_missing_package_names_the_extra(name, tmp_path, monkeypatch):
    monkeypatch.setattr("livn_gym.formats.files.find_spec", lambda package: None)
    for call in (
        lambda: write(made(), path_of(tmp_path, name), name),
        lambda: read(path_of(tmp_path, name), name),
    ):
        with pytest.raises(BackendUnavailable, match=r"livn_gym\[formats\]"):
            call()


def test_names_suffixes_and_folders_are_checked(tmp_path):
    with pytest.raises(UnknownName, match="Did you mean 'nwb'"):
        write(made(), tmp_path / "a.nwb", "nwbb")
    with pytest.raises(InvalidInput, match="must end in .nwb"):
        write(made(), tmp_path / "a.h5", "nwb")
    with pytest.raises(InvalidInput, match="no folder"):
        write(made(), tmp_path / "no" / "a.nwb", "nwb")
    with pytest.raises(InvalidInput, match="no file"):
        read(tmp_path / "a.nwb", "nwb")


def test_what_a_format_leaves_out_is_known():
    assert left_out(made(), "parquet") == ["voltage", "current_soma", "current_dendrite", "potential"]
    assert left_out(made(), "sonata") == left_out(made(), "parquet")
    assert left_out(made(), "nwb") == left_out(made(), "neo") == []
    assert stimulus().charge_nC().sum() > 0


def test_the_code_of_the_page_runs(tmp_path, monkeypatch):
    page = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)
    assert names["again"].metadata() == names["session"].metadata()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["culture.npz", "culture.nwb", "mine.csv"]
    assert all(f"| `{name}` | `{known.suffix}` |" in page for name, known in FORMATS.items())
