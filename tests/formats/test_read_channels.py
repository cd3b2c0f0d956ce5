import json

import foreign
import numpy as np
import pytest
from sessions import made

from livn_gym import formats
from livn_gym.errors import CorruptData, InvalidInput, UnknownName
from livn_gym.formats import CHANNEL_FORMATS, FORMATS, ChannelSpikes, read_channels
from livn_gym.formats.channel_files import detect


def events(spikes):
    return [(round(t, 6), spikes.names[c]) for t, c in zip(spikes.t_ms, spikes.channel, strict=True)]


# Files of livn_gym


@pytest.mark.parametrize("name", ["livn", *FORMATS])
def test_our_own_files_are_the_channels_of_their_session(tmp_path, name):
    session = made(potential=None)
    path = tmp_path / f"a{FORMATS[name].suffix if name in FORMATS else '.npz'}"
    session.save(path) if name == "livn" else formats.write(session, path, name)
    spikes, expected = read_channels(path), ChannelSpikes.of_session(session)
    assert detect(path) == name
    assert events(spikes) == events(expected) and spikes.duration_ms == expected.duration_ms
    assert np.allclose(spikes.stim_t_ms, expected.stim_t_ms)
    assert np.array_equal(spikes.stim_amplitude_uA, expected.stim_amplitude_uA)
    with pytest.raises(InvalidInput, match="duration_ms"):
        read_channels(path, duration_ms=1000.0)


# CL1


def test_a_recording_of_a_cl1(tmp_path):
    spikes = read_channels(foreign.cl1(tmp_path / "a.h5", stims=((5000, 8), (5002, 9), (25_000, 9))))
    assert events(spikes) == [(1.0, "3"), (10.0, "9"), (100.0, "3")]
    assert (spikes.num_channels, spikes.duration_ms) == (64, 1000.0)
    assert spikes.stim_t_ms.tolist() == pytest.approx([200.0, 200.08]), "the last one is after the end"
    assert spikes.stim_channel.tolist() == [8, 9] and spikes.stim_amplitude_uA is None
    assert len(np.unique(spikes.coordinates_um, axis=0)) == 64


@pytest.mark.parametrize(
    ("frames", "relative"),
    [((1025, 1250, 3500), False), ((1_000_025, 1_000_250, 1_002_500), None), ((25, 250, 2500), True)],
)
def test_timestamps_of_a_cl1_count_from_the_start_of_the_recording(tmp_path, frames, relative):
    start = 1000 if relative is False else 1_000_000
    stims = [(frames[0] + 10, 8)]
    spikes = read_channels(foreign.cl1(tmp_path / "a.h5", frames, stims=stims, start=start, relative=relative))
    assert spikes.t_ms.tolist() == pytest.approx([1.0, 10.0, 100.0])
    assert spikes.stim_t_ms.tolist() == pytest.approx([1.4])


def test_raw_samples_of_a_cl1_may_be_larger_than_what_can_be_read(tmp_path, monkeypatch):
    path = foreign.cl1(tmp_path / "a.h5")
    monkeypatch.setattr("livn_gym.reading.MAX_DATA_BYTES", 10_000)  # the samples have 12,800 bytes
    assert path.stat().st_size > 10_000
    assert len(read_channels(path).t_ms) == 3


# NWB

ARRAY = ((0.0, 0.0, 10), (100.0, 0.0, 11), (200.0, 0.0, 12))


def test_units_with_one_electrode_each(tmp_path):
    units = [
        {"spike_times": [1.1, 1.2], "electrodes": [2], "obs_intervals": [[1.0, 3.0]]},
        {"spike_times": [1.15], "electrodes": [0], "obs_intervals": [[1.0, 3.0]]},
        {"spike_times": [1.5], "electrodes": [2], "obs_intervals": [[1.0, 3.0]]},
    ]
    spikes = read_channels(foreign.nwb(tmp_path / "a.nwb", units, ARRAY, stimuli=[(2.0, 1, -5.0)]))
    assert events(spikes) == [(100.0, "12"), (150.0, "10"), (200.0, "12"), (500.0, "12")]
    assert spikes.duration_ms == pytest.approx(2000.0)
    assert spikes.coordinates_um[:, 0].tolist() == [0.0, 100.0, 200.0]
    assert (spikes.stim_t_ms.tolist(), spikes.stim_channel.tolist()) == (pytest.approx([1000.0]), [1])
    assert spikes.stim_amplitude_uA.tolist() == [5.0] and spikes.metadata["channels_are"] == "electrodes"


def test_the_peak_electrode_is_named_by_a_column_or_has_the_largest_waveform(tmp_path):
    waveform = np.zeros((4, 2))
    waveform[1] = -3.0, -8.0
    units = [{"spike_times": [0.1], "electrodes": [0, 2], "waveform_mean": waveform}]
    assert events(read_channels(foreign.nwb(tmp_path / "a.nwb", units, ARRAY))) == [(100.0, "12")]
    units = [{"spike_times": [0.1], "peak_channel_id": 11}]
    spikes = read_channels(foreign.nwb(tmp_path / "b.nwb", units, ARRAY, columns=["peak_channel_id"]))
    assert events(spikes) == [(100.0, "11")] and spikes.num_channels == 3


@pytest.mark.parametrize(
    ("units", "electrodes"),
    [
        ([{"spike_times": [0.1]}, {"spike_times": [0.3, 0.4]}], ()),
        ([{"spike_times": [0.1], "electrodes": [0, 1]}, {"spike_times": [0.3, 0.4], "electrodes": [1, 2]}], ARRAY),
    ],
)
def test_units_without_one_electrode_are_channels_of_their_own(tmp_path, units, electrodes):
    spikes = read_channels(foreign.nwb(tmp_path / "a.nwb", units, electrodes))
    assert events(spikes) == [(100.0, "unit 0"), (300.0, "unit 1"), (400.0, "unit 1")]
    assert spikes.duration_ms == 1000.0 and spikes.coordinates_um is None
    assert spikes.metadata["channels_are"] == "units"


def test_an_nwb_file_without_units_says_so(tmp_path):
    with pytest.raises(InvalidInput, match="no units"):
        read_channels(foreign.nwb(tmp_path / "a.nwb", [], ARRAY))


# Neo


def test_spike_trains_with_channels_and_stimuli(tmp_path):
    trains = [([110.0, 300.0], {"channel": 4}), ([200.0], {"channel": 12}), ([150.0], {"channel": 4})]
    stimuli = [
        ("electrical stim", [500.0, 700.0], ["4", "13"], {"amplitude_uA": np.array([3.0, 2.0])}),
        ("lamp", [600.0], ["on"], {}),
    ]
    spikes = read_channels(foreign.nix(tmp_path / "a.nix", trains, stimuli))
    assert events(spikes) == [(10.0, "4"), (50.0, "4"), (100.0, "12"), (200.0, "4")]
    assert (spikes.duration_ms, spikes.names) == (1500.0, ("4", "12", "13"))
    assert spikes.stim_t_ms.tolist() == [400.0, 600.0] and spikes.stim_channel.tolist() == [0, 2]
    assert spikes.stim_amplitude_uA.tolist() == [3.0, 2.0] and spikes.metadata["ignored_events"] == ["lamp"]


def test_stimuli_with_and_without_amplitudes_are_refused(tmp_path):
    stimuli = [("stim", [500.0], ["4"], {"amplitude_uA": np.array([3.0])}), ("stim 2", [600.0], ["4"], {})]
    with pytest.raises(CorruptData, match="others do not"):
        read_channels(foreign.nix(tmp_path / "a.nix", [([110.0], {"channel": 4})], stimuli))


def test_spike_trains_without_channels_are_channels_of_their_own(tmp_path):
    spikes = read_channels(foreign.nix(tmp_path / "a.nix", [([110.0], {}), ([200.0], {"channel": 4})]))
    assert events(spikes) == [(10.0, "t0"), (100.0, "t1")] and spikes.metadata["channels_are"] == "spike trains"
    with pytest.raises(InvalidInput, match="2 segments"):
        read_channels(foreign.nix(tmp_path / "b.nix", [([110.0], {})], segments=2))
    with pytest.raises(InvalidInput, match="no spike trains"):
        read_channels(foreign.nix(tmp_path / "c.nix", []))


# SpikeInterface


def test_sortings_of_spikeinterface(tmp_path):
    own = [(0.5, "unit b"), (1.0, "unit a"), (20.0, "unit a"), (70.0, "unit b"), (300.0, "unit a")]
    for path in (
        foreign.sorting_npz(tmp_path / "a.npz"),
        foreign.sorting_folder(tmp_path / "numpy"),
        foreign.sorting_npz_folder(tmp_path / "npz"),
    ):
        spikes = read_channels(path)
        assert events(spikes) == own and spikes.duration_ms == 1000.0
        assert read_channels(path, duration_ms=60_000.0).duration_ms == 60_000.0
    named = [(0.5, "E3"), (1.0, "E10"), (20.0, "E10"), (70.0, "E3"), (300.0, "E10")]
    spikes = read_channels(foreign.sorting_zarr(tmp_path / "a.zarr"))
    assert events(spikes) == named and spikes.names == ("E3", "E10"), "in natural order"
    folder = foreign.sorting_folder(tmp_path / "same", properties={"channel": [7, 7]})
    assert read_channels(folder).names == ("7",)


def test_sortings_that_cannot_be_read(tmp_path):
    with pytest.raises(InvalidInput, match="2 segments"):
        read_channels(foreign.sorting_folder(tmp_path / "two", segments=2))
    with pytest.raises(CorruptData, match="no unit"):
        read_channels(foreign.sorting_npz(tmp_path / "a.npz", spike_labels_seg0=np.array(["a", "c", "a", "a", "a"])))
    odd = np.frombuffer(np.array([97, 0x7FFFFFFF], "<u4").tobytes(), "<U1")  # no character has this number
    path = foreign.sorting_folder(tmp_path / "odd", properties={"channel": ["a", "b"]})
    np.save(path / "properties" / "channel.npy", odd)
    with pytest.raises(CorruptData, match="damaged sorting"):
        read_channels(path)
    with pytest.raises(CorruptData, match="frames per second"):
        read_channels(foreign.sorting_npz(tmp_path / "b.npz", sampling_frequency=np.array([np.nan])))
    (tmp_path / "third").mkdir()
    (tmp_path / "third" / "zarr.json").write_text("{}")
    with pytest.raises(InvalidInput, match="version 3"):
        read_channels(tmp_path / "third")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="not a sorting"):
        read_channels(tmp_path / "empty")


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ({"dtype": "|O"}, "type is object"),
        ({"filters": [{"id": "pickle"}]}, "pickle"),
        ({"compressor": {"id": "zlib"}}, "zlib"),
        ({"shape": [2**39], "chunks": [2**39]}, "inflated"),
        ({"shape": [5, 2]}, "no array"),
        ({"shape": [-1]}, "shape"),
        ({"chunks": [4]}, "another size"),
    ],
)
def test_zarr_arrays_that_are_not_read(tmp_path, layout, message):
    path = foreign.sorting_zarr(tmp_path / "a.zarr")
    file = path / "spikes" / "sample_index" / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | layout))
    with pytest.raises(CorruptData, match=message):
        read_channels(path)


# Tables


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("t_ms,channel\n10,A3\n2.5,A12\n", {}),
        ("# a comment\nchannel;time (s)\nA3;0.01\nA12;0.0025\n", {}),
        ("electrode\tTimestamp_us\nA3\t10000\n\nA12\t2500\n", {}),
        ("10 A3\n2.5 A12\n", {"unit": "ms"}),
        ('\ufefft,"channel"\n0.01,"A3"\n0.0025,A12\n', {"unit": "s"}),
        ("frame,id,ch\n250,0,A3\n62.5,1,A12\n".replace("frame", "time"), {"unit": "frames", "sampling_hz": 25_000.0}),
    ],
)
def test_tables_as_text(tmp_path, text, options):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    spikes = read_channels(tmp_path / "a.csv", **options)
    assert events(spikes) == [(2.5, "A12"), (10.0, "A3")] and spikes.names == ("A3", "A12")
    assert spikes.duration_ms == 1000.0


def test_a_table_with_stimuli(tmp_path):
    text = "t_ms,channel,event,amplitude_uA\n1,5,spike,\n3,11,stim,-2.5\n2,5,spike,\n7,5,stim,3\n"
    (tmp_path / "a.csv").write_text(text)
    spikes = read_channels(tmp_path / "a.csv", duration_ms=50.0)
    assert events(spikes) == [(1.0, "5"), (2.0, "5")] and spikes.duration_ms == 50.0
    assert spikes.stim_t_ms.tolist() == [3.0, 7.0] and spikes.stim_channel.tolist() == [1, 0]
    assert spikes.stim_amplitude_uA.tolist() == [2.5, 3.0]


def test_parquet_tables(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    table = {"time_s": [0.01, 0.0025, 0.02], "electrode": ["A3", "A12", "A3"], "event": ["spike", "spike", "stim"]}
    parquet.write_table(pa.table(table), tmp_path / "a.parquet")
    spikes = read_channels(tmp_path / "a.parquet")
    assert events(spikes) == [(2.5, "A12"), (10.0, "A3")] and spikes.stim_t_ms.tolist() == [20.0]
    parquet.write_table(pa.table({"t": [1.0, 2.0], "channel": [7, 3]}), tmp_path / "b.parquet")
    assert events(read_channels(tmp_path / "b.parquet", unit="ms")) == [(1.0, "7"), (2.0, "3")]


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ("t,channel\n1,2\n", {}, InvalidInput, "give unit"),
        ("t_ms,channel\n1,2\n", {"unit": "s"}, InvalidInput, "in ms by the name"),
        ("t_ms,t_s,channel\n1,1,2\n", {}, InvalidInput, "2 columns of times"),
        ("t_ms,place\n1,2\n", {}, InvalidInput, "no column of channels.*t_ms, place"),
        ("t_ms,channel\n1,2\n1.5\n", {}, CorruptData, "line 3: 1 columns"),
        ("t_ms,channel\n1,2\nx,3\n", {}, CorruptData, "line 3: 'x' is not a number"),
        ("t_ms,channel\n1,2\nnan,3\n", {}, CorruptData, "not finite"),
        ("t_ms,channel\n1,2\n-5,3\n", {}, CorruptData, "0 to 1000 ms"),
        ("t_ms,channel\n1,\n", {}, CorruptData, "line 2: no channel"),
        ("t_ms,channel\n1e300,2\n", {}, CorruptData, "not finite numbers below"),
        ("t_ms,channel,event,amplitude_uA\n1,2,stim,3\n2,2,stim,\n", {}, CorruptData, "1 of 2 stimuli have no finite"),
        ("t_ms,channel,event,amplitude_uA\n1,2,stim,inf\n", {}, CorruptData, "1 of 1 stimuli have no finite"),
        ("t_ms,channel,event\n1,2,flash\n", {}, CorruptData, "neither spike nor stim"),
        ("t_ms,channel\n", {}, InvalidInput, "channels"),
        ("# nothing\n", {}, InvalidInput, "no rows"),
        ("t_ms,channel\n1,2\n2000,3\n", {"duration_ms": 1000.0}, InvalidInput, "event at 2000"),
        ("t_ms,channel\n1,2\n", {"unit": "weeks"}, InvalidInput, "one of s, ms, us or frames"),
        ("t,channel\n1,2\n", {"unit": "frames"}, InvalidInput, "sampling_hz"),
        ("t_ms,channel\n1,2\n", {"sampling_hz": 100.0}, InvalidInput, "frames"),
    ],
)
def test_tables_that_are_refused(tmp_path, text, options, error, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(error, match=message):
        read_channels(tmp_path / "a.csv", **options)


def test_stimuli_from_a_table_of_their_own(tmp_path):
    path = foreign.cl1(tmp_path / "a.h5")
    (tmp_path / "s.csv").write_text("time_s,channel,amplitude_uA\n0.5,20,-3\n0.25,8,2\n")
    spikes = read_channels(path, stimuli=tmp_path / "s.csv")
    assert spikes.stim_t_ms.tolist() == [250.0, 500.0] and spikes.stim_channel.tolist() == [8, 20]
    assert spikes.stim_amplitude_uA.tolist() == [2.0, 3.0]
    assert events(spikes) == events(read_channels(path))
    for text, error, message in (
        ("t_ms,channel\n1,A3\n", InvalidInput, "the channel 'A3', which the recording"),
        ("t,channel\n1,3\n", InvalidInput, "unit"),
        ("t_ms,channel\n2000,3\n", CorruptData, "0 to 1000 ms"),
    ):
        (tmp_path / "s.csv").write_text(text)
        with pytest.raises(error, match=message):
            read_channels(path, stimuli=tmp_path / "s.csv")
    with pytest.raises(InvalidInput, match="in a table"):
        read_channels(path, stimuli=path)


# Other files


def test_what_has_no_known_format_names_those_that_are_read(tmp_path):
    (tmp_path / "a.raw").write_bytes(bytes(range(256)))
    with pytest.raises(InvalidInput, match="cl1") as error:
        read_channels(tmp_path / "a.raw")
    assert all(name in str(error.value) for name in CHANNEL_FORMATS)
    with pytest.raises(InvalidInput, match="no file"):
        read_channels(tmp_path / "none.h5")
    with pytest.raises(UnknownName, match="csv"):
        read_channels(tmp_path / "a.raw", "cvs")
    with pytest.raises(InvalidInput, match="unit is for tables"):
        read_channels(foreign.cl1(tmp_path / "a.h5"), unit="s")


def test_read_points_to_read_channels(tmp_path):
    for path, name in (
        (foreign.nwb(tmp_path / "a.nwb", [{"spike_times": [0.1]}]), "nwb"),
        (foreign.nix(tmp_path / "a.nix", [([110.0], {})]), "neo"),
        (foreign.cl1(tmp_path / "a.h5"), "sonata"),
    ):
        with pytest.raises(InvalidInput, match="read_channels"):
            formats.read(path, name)


def test_damaged_files_are_errors_of_the_package(tmp_path):
    """Cut and changed files of every format, and files that are read as another format."""
    import pyarrow as pa
    from pyarrow import parquet

    (tmp_path / "a.csv").write_text("t_ms,channel\n" + "".join(f"{k},{k % 7}\n" for k in range(200)))
    parquet.write_table(pa.table({"t_ms": [1.0, 2.0], "channel": [7, 3]}), tmp_path / "a.parquet")
    paths = {
        "cl1": foreign.cl1(tmp_path / "a.h5"),
        "nwb": foreign.nwb(tmp_path / "a.nwb", [{"spike_times": [0.1], "electrodes": [0]}], ARRAY),
        "spikeinterface": foreign.sorting_npz(tmp_path / "a.npz"),
        "csv": tmp_path / "a.csv",
        "parquet": tmp_path / "a.parquet",
    }
    rng = np.random.default_rng(0)
    refused = 0
    for name, path in paths.items():
        content = path.read_bytes()
        for _ in range(4 if name in ("cl1", "nwb") else 40):
            odd = bytearray(content)
            if rng.random() < 0.3:
                del odd[rng.integers(len(odd)) :]
            for place in rng.integers(0, max(len(odd), 1), 1 + rng.poisson(3.0)):
                if place < len(odd):
                    odd[place] = rng.integers(256)
            (tmp_path / "odd").write_bytes(bytes(odd))
            for given in (None, name):
                try:
                    assert isinstance(read_channels(tmp_path / "odd", given), ChannelSpikes)
                except (InvalidInput, CorruptData) as error:
                    assert "odd" in str(error)
                    refused += 1
        for other in paths.keys() - {name}:
            with pytest.raises((InvalidInput, CorruptData)):
                read_channels(path, other)
    assert refused > 50
