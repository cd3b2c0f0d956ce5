"""Files as other programs write them: the layouts are those that their programs wrote or document."""

import json
from datetime import UTC, datetime

import h5py
import numpy as np

SPIKE = np.dtype([("timestamp", "<i8"), ("channel", "u1"), ("samples", "<f4", (75,))])
STIM = np.dtype([("timestamp", "<i8"), ("channel", "u1")])


def cl1(path, frames=(25, 250, 2500), channels=(3, 9, 3), stims=((5000, 8),), start=0, relative=None, samples=True):
    """A CL1's recording of one second at 25 kHz."""
    with h5py.File(path, "w") as file:
        spikes = np.zeros(len(frames), SPIKE)
        spikes["timestamp"], spikes["channel"] = frames, channels
        file["spikes"] = spikes
        file["stims"] = np.array(list(stims), STIM)
        if samples:
            file["samples"] = np.zeros((100, 64), np.int16)
        attributes = {
            "channel_count": np.int64(64),
            "frames_per_second": np.int64(25_000),
            "sampling_frequency": np.int64(25_000),
            "duration_frames": np.int64(25_000),
            "start_timestamp": np.int64(start),
            "uV_per_sample_unit": 0.195,
        }
        if relative is not None:
            flag = f"I0{int(relative)}"
            attributes["file_format"] = np.bytes_(
                f"(dp0\nVversion\np1\nVSDK\np2\nsVstim_and_spike_timestamps_relative_to_start\np3\n{flag}\ns."
            )
        file.attrs.update(attributes)
    return path


def nwb(path, units, electrodes=(), columns=(), stimuli=None, **unit_columns):
    """An NWB file by PyNWB: units as dicts, electrodes as (x, y, id), stimuli as rows of (s, electrode, uA)."""
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.epoch import TimeIntervals

    file = NWBFile("a recording", "id", datetime(2024, 5, 6, tzinfo=UTC))
    group = file.create_electrode_group("g", "", "", file.create_device("d")) if electrodes else None
    for x, y, number in electrodes:
        file.add_electrode(x=x, y=y, z=0.0, location="dish", group=group, id=number)
    for name in columns:
        file.add_unit_column(name, name)
    for unit in units:
        file.add_unit(**unit)
    if stimuli is not None:
        table = TimeIntervals(name="electrical_stimulation", description="pulses")
        for name in ("electrode", "amplitude_uA"):
            table.add_column(name, name)
        for second, electrode, amplitude in stimuli:
            table.add_interval(start_time=second, stop_time=second, electrode=electrode, amplitude_uA=amplitude)
        file.add_time_intervals(table)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def nix(path, trains, events=(), segments=1):
    """A NIX file by Neo: trains as (times in ms, annotations), events as (name, times in ms, labels, annotations)."""
    import quantities as pq
    from neo import Block, Event, Segment, SpikeTrain
    from neo.io import NixIO

    block = Block(name="b")
    for index in range(segments):
        segment = Segment(name=f"s{index}")
        for k, (times, annotations) in enumerate(trains):
            segment.spiketrains.append(
                SpikeTrain(
                    np.array(times) * pq.ms, t_start=100 * pq.ms, t_stop=1600 * pq.ms, name=f"t{k}", **annotations
                )
            )
        for name, times, labels, annotations in events:
            segment.events.append(
                Event(
                    np.array(times) * pq.ms,
                    labels=np.array(labels, dtype="U"),
                    name=name,
                    array_annotations=annotations,
                )
            )
        block.segments.append(segment)
    with NixIO(str(path), mode="ow") as io:
        io.write_block(block)
    return path


FRAMES, UNITS, IDS = np.array([5, 10, 200, 700, 3000]), np.array([1, 0, 0, 1, 0]), np.array(["a", "b"])


def sorting_npz(path, **changes):
    arrays = {
        "unit_ids": IDS,
        "num_segment": np.array([1]),
        "sampling_frequency": np.array([10_000.0]),
        "spike_indexes_seg0": FRAMES,
        "spike_labels_seg0": IDS[UNITS],
    }
    np.savez(path, **arrays | changes)
    return path


def sorting_folder(path, segments=1, properties=()):
    path.mkdir()
    spikes = np.zeros(5, [("sample_index", "<i8"), ("unit_index", "<i8"), ("segment_index", "<i8")])
    spikes["sample_index"], spikes["unit_index"] = FRAMES, UNITS
    np.save(path / "spikes.npy", spikes)
    info = {"sampling_frequency": 10_000.0, "unit_ids": IDS.tolist(), "num_segments": segments}
    (path / "numpysorting_info.json").write_text(json.dumps(info))
    (path / "properties").mkdir()
    for name, values in dict(properties).items():
        np.save(path / "properties" / f"{name}.npy", np.array(values))
    return path


def sorting_npz_folder(path):
    path.mkdir()
    (path / "npz.json").write_text(json.dumps({"kwargs": {"file_path": "sorting_cached.npz"}}))
    sorting_npz(path / "sorting_cached.npz")
    return path


def zarr_array(folder, values, chunk=3, compressed=True, **layout):
    """An array in chunks, as zarr 2 stores it with the codecs of SpikeInterface."""
    import numcodecs

    folder.mkdir(parents=True)
    delta = compressed and values.dtype.kind == "i"
    settings = {
        "zarr_format": 2,
        "shape": [len(values)],
        "chunks": [chunk],
        "dtype": values.dtype.str,
        "fill_value": 0 if values.dtype.kind == "i" else "",
        "order": "C",
        "filters": [{"id": "delta", "dtype": values.dtype.str, "astype": values.dtype.str}] if delta else None,
        "compressor": {"id": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 2, "blocksize": 0}
        if compressed
        else None,
    }
    (folder / ".zarray").write_text(json.dumps(settings | layout))
    for k in range(-(-len(values) // chunk)):
        part = np.zeros(chunk, values.dtype)
        here = values[k * chunk : (k + 1) * chunk]
        part[: len(here)] = here
        if delta:
            part = np.concatenate([part[:1], np.diff(part)])
        content = part.tobytes()
        (folder / str(k)).write_bytes(numcodecs.Blosc("zstd").encode(content) if compressed else content)


def sorting_zarr(path, channels=("E10", "E3")):
    (path / "spikes").mkdir(parents=True)
    (path / ".zattrs").write_text(json.dumps({"sampling_frequency": 10_000.0, "num_segments": 1}))
    for group in (path, path / "spikes"):
        (group / ".zgroup").write_text('{"zarr_format": 2}')
    zarr_array(path / "spikes" / "sample_index", FRAMES)
    zarr_array(path / "spikes" / "unit_index", UNITS)
    zarr_array(path / "unit_ids", IDS, chunk=2, compressed=False)
    zarr_array(path / "properties" / "main_channel_id", np.array(channels), chunk=2, compressed=False)
    return path
