"""Neo: a block with one segment of spike trains, traces and the stimulus, stored as a NIX file.

Times are in seconds, since the raw reader of Neo, which SpikeInterface uses, interprets all times as seconds. Spike
trains have the annotations ``gid``, ``population`` and ``channels``. The annotation ``livn_gym`` of the block holds the
metadata as JSON, ``livn_gym_arrays`` the arrays that Neo cannot represent.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livn_gym.atomic import require_space
from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.formats.parts import TRACES, at_steps
from livn_gym.formats.session import Session
from livn_gym.hdf5 import Hdf5, check_structure
from livn_gym.reading import damage, parse_json
from livn_gym.seal import seal

if TYPE_CHECKING:
    from neo import AnalogSignal, Block

_QUANTITY = {
    "electrode": "uA",
    "current": "nA",
    "current_density": "uA/cm**2",
    "conductance": "uS",
    "extracellular": "mV",
    "irradiance": "mW/mm**2",
    "light": "mW/mm**2",
}
_PART_BYTES = 20_000
"""Approximate overhead of a spike train or a column of a signal in a NIX file, bytes."""


@checked
def to_neo(session: Session) -> Block:
    """Convert a session to a Neo block."""
    from neo import Block, Segment, SpikeTrain

    recording = session.recording
    _, gid, t_ms = recording.spikes
    arrays = session.arrays(traces=False)
    block = Block(
        name=session.system,
        description=f"Simulated neural culture on a multi-electrode array, livn_gym {session.version}.",
        system=session.system,
        seed=str(session.seed),  # up to 64 bits, of which NIX supports 63
        dt_ms=recording.dt_ms,
        profile=session.profile,
        livn_gym=json.dumps(session.metadata()),
        livn_gym_arrays=json.dumps({name: array.tolist() for name, array in arrays.items()}),
    )
    segment = Segment(name="recording", index=0)
    block.segments.append(segment)
    order = np.argsort(gid, kind="stable")
    first = np.searchsorted(gid[order], np.arange(session.num_neurons + 1))
    for population in session.populations:
        for cell in population.gids.tolist():
            train = SpikeTrain(
                t_ms[order[first[cell] : first[cell + 1]]] / 1000.0,
                units="s",
                t_start=0.0,
                t_stop=recording.duration_ms / 1000.0,
                name=f"{population.name} {cell}",
                gid=cell,
                population=population.name,
                channels=json.dumps(session.channel_cells[session.channel_cells[:, 1] == cell, 0].tolist()),
            )
            segment.spiketrains.append(train)
    for name, (field, cells, unit) in TRACES.items():
        trace, gids = getattr(recording, field), getattr(recording, cells)
        if trace is not None and gids is not None:
            segment.analogsignals.append(_signal(name, unit, trace[0].T, recording.sample_dt_ms, gid=gids))
    if session.potential is not None:
        channels = np.arange(len(session.electrodes_um))
        coordinates = dict(zip(("x_um", "y_um", "z_um"), session.electrodes_um.T, strict=True))
        signal = _signal(
            "potential", "mV", session.potential.T, recording.sample_dt_ms, channel=channels, **coordinates
        )
        segment.analogsignals.append(signal)
    _add_stimulus(segment, session)
    for child in (*segment.spiketrains, *segment.analogsignals, *segment.irregularlysampledsignals):
        child.segment = segment
    segment.block = block
    return block


@checked
def from_neo(block: Block) -> Session:
    """Convert a block made by ``to_neo`` to a session.

    Raises:
        InvalidInput: The block was not made by livn_gym.
        CorruptData: A part of it is missing or damaged.
    """
    if not {"livn_gym", "livn_gym_arrays"} <= set(getattr(block, "annotations", ())):
        raise InvalidInput("The Neo block was not made by livn_gym: it has no annotation 'livn_gym'.")
    try:
        metadata, arrays = (
            parse_json(block.annotations[name], "the Neo block") for name in ("livn_gym", "livn_gym_arrays")
        )
        (segment,) = block.segments
        trains = {
            int(train.annotations["gid"]): at_steps(train.rescale("ms").magnitude, metadata["dt_ms"])
            for train in segment.spiketrains
        }
        for signal in segment.analogsignals:
            if signal.name == "potential":
                arrays["potential"] = np.ascontiguousarray(signal.rescale("mV").magnitude.T)
                continue
            arrays[signal.name] = np.ascontiguousarray(signal.rescale(TRACES[signal.name].unit).magnitude.T)[None]
            arrays[TRACES[signal.name].gids] = np.asarray(signal.array_annotations["gid"], dtype=np.int64)
        gid = np.repeat(list(trains), [len(times) for times in trains.values()])
        t_ms = np.concatenate([np.zeros(0), *trains.values()])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptData(f"The Neo block is damaged: {type(error).__name__}: {error}.") from error
    return Session.from_parts(metadata, gid, t_ms, {name: np.array(values) for name, values in arrays.items()})


@checked
def write(session: Session, path: Path) -> None:
    """Write a NIX file.

    Raises:
        StorageError: The disk has not enough space, which would crash HDF5.
    """
    from neo.io import NixIO

    arrays = session.arrays()
    parts = session.num_neurons + sum(array.shape[-2] for name, array in arrays.items() if name in session.traces)
    require_space(path, sum(array.nbytes for array in arrays.values()) + _PART_BYTES * parts)
    with NixIO(str(path), mode="ow") as io:
        io.write_block(to_neo(session))
    seal(path)


@checked
def read(path: Path) -> Session:
    """Read a file written by ``write``.

    Raises:
        InvalidInput: Another program wrote the file.
        CorruptData: The file is damaged.
    """
    read_blocks = blocks(path)
    if len(read_blocks) != 1:
        raise InvalidInput(f"{path} was not written by livn_gym: it holds {len(read_blocks)} blocks instead of one.")
    return from_neo(read_blocks[0])


@checked
def blocks(path: Path) -> list[Block]:
    """Read all blocks of a NIX file, after checking the file.

    Raises:
        InvalidInput: The file is not a NIX file.
        CorruptData: The file is damaged.
    """
    from neo.io import NixIO

    check_structure(path)
    with Hdf5(path) as file:
        if file.attribute("format") not in ("nix", b"nix"):
            raise InvalidInput(f"{path} is an HDF5 file, but not a NIX file.")
    with damage(path, "is a damaged NIX file"), NixIO(str(path), mode="ro") as io:
        return io.read_all_blocks()


def _signal(name: str, unit: str, values: Any, sample_dt_ms: float, **columns: NDArray) -> AnalogSignal:
    """Make a signal with annotations of its columns."""
    import quantities
    from neo import AnalogSignal

    return AnalogSignal(
        values,
        units=unit,
        sampling_period=sample_dt_ms / 1000.0 * quantities.s,
        t_start=0.0 * quantities.s,
        name=name,
        array_annotations={key: np.asarray(column) for key, column in columns.items()},
    )


def _add_stimulus(segment: Any, session: Session) -> None:
    """Add the stimulus as the values of all columns at every change of any; values hold until the next change."""
    import quantities
    from neo import IrregularlySampledSignal

    stimulus = session.stimulus
    if stimulus is None or not len(session.changes.step):
        return
    times, values = session.held()
    signal = IrregularlySampledSignal(
        times / 1000.0 * quantities.s,
        values * quantities.Quantity(1.0, _QUANTITY[stimulus.mode]),
        name="stimulus",
        description=f"Mode {stimulus.mode}; a value holds until the next time.",
    )
    segment.irregularlysampledsignals.append(signal)
