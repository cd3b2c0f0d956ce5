"""Files written by us and read by programs that were not written for them."""

import json

import numpy as np
import pytest
from sessions import RECORDED, made

from livn_gym.formats import read, write


def test_neos_raw_reader_has_rates_and_times_in_seconds(tmp_path):
    from neo.rawio import NIXRawIO

    write(made(), tmp_path / "a.nix", "neo")
    reader = NIXRawIO(tmp_path / "a.nix")
    reader.parse_header()
    channels = reader.header["signal_channels"]
    assert channels["name"].tolist() == ["voltage"] * 2 + ["current_soma", "current_dendrite"] + ["potential"] * 2
    assert set(channels["sampling_rate"].tolist()) == {2000.0}  # of a column every 0.5 ms
    assert (reader.segment_t_start(0, 0), reader.segment_t_stop(0, 0)) == (0.0, 0.05)
    assert [reader.get_spike_timestamps(0, 0, k).tolist() for k in range(3)] == [[0.0025, 0.04], [0.0025], [0.001]]
    raw = reader.get_analogsignal_chunk(0, 0, stream_index=3)
    assert np.array_equal(raw, made().potential.T) and set(channels["units"][-2:]) == {"mV"}


def test_neo_reads_nwb_into_one_segment(tmp_path):
    import quantities as pq
    from neo.io import NWBIO

    write(made(), tmp_path / "a.nwb", "nwb")
    (block,) = NWBIO(str(tmp_path / "a.nwb")).read_all_blocks()
    (segment,) = block.segments
    assert [train.rescale("ms").magnitude.tolist() for train in segment.spiketrains] == [[2.5, 40.0], [2.5], [1.0]]
    assert {float(train.t_stop.rescale("ms")) for train in segment.spiketrains} == {50.0}
    signals = {signal.name: signal for signal in segment.analogsignals}
    assert signals.keys() == {"voltage", "current_soma", "current_dendrite"}
    assert signals["voltage"].sampling_rate == 2000.0 * pq.Hz
    np.testing.assert_allclose(signals["voltage"].rescale("mV").magnitude, RECORDED.voltage[0].T, rtol=1e-12)
    (given, other) = segment.irregularlysampledsignals
    np.testing.assert_allclose(given.rescale("uA").magnitude[:3, 0], [-10.0, 10.0, 0.0], rtol=1e-12)
    np.testing.assert_allclose(given.times.rescale("ms").magnitude[:3], [3.0, 3.2, 3.4], rtol=1e-12)


def test_nwb_has_the_potential_of_every_electrode(tmp_path):
    from pynwb import NWBHDF5IO
    from pynwb.ecephys import ElectricalSeries

    write(made(), tmp_path / "a.nwb", "nwb")
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        series = io.read().processing["ecephys"]["potential"]
        assert isinstance(series, ElectricalSeries)
        assert (series.unit, series.conversion, series.rate) == ("volts", 1e-3, 2000.0)
        assert np.array_equal(series.data[:], made().potential.T)
        assert series.electrodes.data[:].tolist() == [0, 1]


@pytest.mark.parametrize("gids", ['{"gids": [0, 2]}', "gids: [0, 2]"])
def test_the_cells_of_an_nwb_trace_are_read_from_both_formats(gids):
    from livn_gym.formats.nwb import _gids

    assert _gids(gids).tolist() == [0, 2]


def test_files_that_other_programs_wrote_are_refused_with_their_name(tmp_path):
    from datetime import UTC, datetime

    import neo
    import pynwb
    import quantities as pq

    from livn_gym.errors import CorruptData, InvalidInput

    block = neo.Block(name="another's")
    block.segments.append(neo.Segment())
    block.segments[0].spiketrains.append(neo.SpikeTrain([1.0] * pq.s, t_stop=2.0 * pq.s))
    with neo.io.NixIO(str(tmp_path / "a.nix"), mode="ow") as io:
        io.write_block(block)
    file = pynwb.NWBFile("another's", "id", datetime(2024, 1, 2, tzinfo=UTC))
    with pynwb.NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    for path, name in ((tmp_path / "a.nix", "neo"), (tmp_path / "a.nwb", "nwb")):
        with pytest.raises(InvalidInput, match=path.name) as error:
            read(path, name)
        assert not isinstance(error.value, CorruptData) and "livn_gym" in str(error.value)
    write(made(), tmp_path / "b.nwb", "nwb")
    with pytest.raises(InvalidInput, match="not a NIX file"):
        read(tmp_path / "b.nwb", "neo")
    with pytest.raises(InvalidInput, match="not an NWB file"):
        read(tmp_path / "a.nix", "nwb")


def test_metadata_of_every_format_is_json_without_our_classes():
    told = json.loads(json.dumps(made().metadata()))
    assert (told["model"], told["variant"], told["parameter_set"]) == (
        "ReducedCalciumSomaDendrite",
        "bursting",
        "EI2-bursting",
    )
    assert told["parameters"]["noise-EXC-std_e"] == 2.5
