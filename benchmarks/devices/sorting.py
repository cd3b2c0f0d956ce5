"""Spikes that sorters of SpikeInterface find in a minute of a simulated device's frames, against the true ones.

It needs SpikeInterface and its sorters (``pip install spikeinterface scikit-learn hdbscan numba isosplit6``), in an
environment of their own, and not livn_gym. First write the minute with ``sorting_minute.py``.

Run ``python benchmarks/devices/sorting.py FOLDER [--sorters tridesclous2 spykingcircus2 simple]``. A cell is visible if
the trough of its spikes is at least 8 times the noise at its best channel. Every visible cell is compared with the unit
that agrees with it best. Accuracy is the number of common spikes, within 0.4 ms, over the number of spikes of either; a
cell with an accuracy of at least 0.8 is well detected.
"""

from __future__ import annotations

import argparse
import json
import shutil
import warnings
from pathlib import Path

import numpy as np

VISIBLE_SD = 8.0


def main() -> None:
    """Sort, compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sorters", nargs="+", default=["tridesclous2", "spykingcircus2", "simple"])
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    import spikeinterface
    import spikeinterface.full as si
    from probeinterface import read_probeinterface

    si.set_global_job_kwargs(n_jobs=1, progress_bar=False)
    frames = arguments.folder / "frames"
    described = json.loads((frames / "frames.json").read_text())
    names = ("sampling_frequency", "num_channels", "dtype", "gain_to_uV", "offset_to_uV", "channel_ids")
    recording = si.read_binary(frames / "frames.raw", **{name: described[name] for name in names})
    recording.set_probe(read_probeinterface(frames / "probe.json").probes[0])
    truth = np.load(arguments.folder / "truth.npz")
    seconds = recording.get_total_duration()
    print(
        f"SpikeInterface {spikeinterface.__version__}, {described['device']}: {recording.get_num_channels()} channels, "
    )
    print(f"{seconds:g} s, {len(truth['gid'])} spikes of {len(truth['trough_sd'])} cells.\n")
    visible = np.flatnonzero(truth["trough_sd"] >= VISIBLE_SD)
    trains = {int(cell): truth["frame"][truth["gid"] == cell] for cell in visible}
    trains = {cell: train for cell, train in trains.items() if len(train) >= 10}
    true = si.NumpySorting.from_unit_dict([trains], described["sampling_frequency"])
    columns = ("sorter", "units", "visible cells", "well detected", "accuracy", "recall", "precision of the unit")
    for row in (columns, ["---"] * len(columns)):
        print(f"| {' | '.join(row)} |", flush=True)
    for sorter in arguments.sorters:
        output = arguments.folder / sorter
        shutil.rmtree(output, ignore_errors=True)
        found = si.run_sorter(sorter, recording, folder=output, verbose=False)
        compared = si.compare_sorter_to_ground_truth(true, found, exhaustive_gt=False, delta_time=0.4)
        each = compared.get_performance(method="by_unit", output="pandas").astype(float)
        numbers = [len(found.unit_ids), len(trains), int((each["accuracy"] >= 0.8).sum())]
        matched = each[each["accuracy"] > 0.0]
        shares = [each["accuracy"].mean(), each["recall"].mean(), matched["precision"].mean()]
        print(f"| {sorter} | {' | '.join(map(str, numbers))} | {' | '.join(f'{x:.2f}' for x in shares)} |", flush=True)


if __name__ == "__main__":
    main()
