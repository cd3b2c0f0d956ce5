"""Neo: a block with one segment of spike trains, traces and the stimulus; on disk in NIX.

Trains carry ``gid``, ``population`` and ``channels`` as annotations. The metadata stands as JSON in the block's
annotation ``livn_gym``, arrays that Neo has no place for in ``livn_gym_arrays``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livn_gym.errors import CorruptData
from livn_gym.formats.session import TRACES, Session

if TYPE_CHECKING:
    from neo import AnalogSignal, Block

_QUANTITY = {
    "electrode": "uA",
    "current": "nA",
    "current_density": "uA/cm**2",
    "conductance": "uS",
    "extracellular": "mV",
}
_OWN = ("positions_um", "electrodes_um", "heard", "stimulus_step", "stimulus_column", "stimulus_value")


def to_neo(session: Session) -> Block:
    """The session as a Neo block."""
    from neo import Block, Segment, SpikeTrain

    recording = session.recording
    _, gid, t_ms = recording.spikes
    arrays = session.arrays(traces=False)
    block = Block(
        name=session.system,
        description=f"Simulated neural culture on a multi-electrode array, livn_gym {session.version}.",
        system=session.system,
        seed=str(session.seed),  # up to 64 bits, NIX has 63
        dt_ms=recording.dt_ms,
        profile=session.profile,
        livn_gym=json.dumps(session.metadata()),
        livn_gym_arrays=json.dumps({name: arrays[name].tolist() for name in _OWN}),
    )
    segment = Segment(name="recording", index=0)
    block.segments.append(segment)
    order = np.argsort(gid, kind="stable")
    first = np.searchsorted(gid[order], np.arange(session.num_neurons + 1))
    for population in session.populations:
        for cell in population.gids.tolist():
            train = SpikeTrain(
                t_ms[order[first[cell] : first[cell + 1]]],
                units="ms",
                t_start=0.0,
                t_stop=recording.duration_ms,
                name=f"{population.name} {cell}",
                gid=cell,
                population=population.name,
                channels=json.dumps(session.heard[session.heard[:, 1] == cell, 0].tolist()),
            )
            segment.spiketrains.append(train)
    for name, unit in TRACES.items():
        trace = getattr(recording, name)
        gids = recording.voltage_gid if name == "voltage" else recording.current_gid
        if trace is not None and gids is not None:
            segment.analogsignals.append(_signal(name, unit, trace[0].T, gids, recording.sample_dt_ms))
    _add_stimulus(segment, session)
    for child in (*segment.spiketrains, *segment.analogsignals, *segment.irregularlysampledsignals):
        child.segment = segment
    segment.block = block
    return block


def from_neo(block: Block) -> Session:
    """The session of a block from ``to_neo``.

    Raises:
        CorruptData: It was not made by livn_gym, or a part is missing.
    """
    try:
        metadata, arrays = (json.loads(block.annotations[name]) for name in ("livn_gym", "livn_gym_arrays"))
        (segment,) = block.segments
        trains = {int(train.annotations["gid"]): train.rescale("ms").magnitude for train in segment.spiketrains}
        for signal in segment.analogsignals:
            arrays[signal.name] = np.ascontiguousarray(signal.rescale(TRACES[signal.name]).magnitude.T)[None]
            which = "voltage_gid" if signal.name == "voltage" else "current_gid"
            arrays[which] = np.asarray(signal.array_annotations["gid"], dtype=np.int64)
        gid = np.repeat(list(trains), [len(times) for times in trains.values()])
        t_ms = np.concatenate([np.zeros(0), *trains.values()])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CorruptData(f"The Neo block is none of livn_gym's: {type(error).__name__}: {error}.") from error
    return Session.from_parts(metadata, gid, t_ms, {name: np.array(values) for name, values in arrays.items()})


def write(session: Session, path: Path) -> None:
    """Write a NIX file."""
    from neo.io import NixIO

    with NixIO(str(path), mode="ow") as io:
        io.write_block(to_neo(session))


def read(path: Path) -> Session:
    """Read what ``write`` wrote.

    Raises:
        CorruptData: It is damaged, or was not written by livn_gym.
    """
    from neo.io import NixIO
    from nixio.exceptions import InvalidFile

    try:
        with NixIO(str(path), mode="ro") as io:
            blocks = io.read_all_blocks()
    except (InvalidFile, OSError, KeyError, ValueError, RuntimeError) as error:
        raise CorruptData(f"{path} is no NIX file: {type(error).__name__}: {error}.") from error
    if len(blocks) != 1:
        raise CorruptData(f"{path} must hold one block, found {len(blocks)}.")
    return from_neo(blocks[0])


def _signal(name: str, unit: str, values: Any, gids: Any, sample_dt_ms: float) -> AnalogSignal:
    import quantities
    from neo import AnalogSignal

    return AnalogSignal(
        values,
        units=unit,
        sampling_period=sample_dt_ms * quantities.ms,
        t_start=0.0 * quantities.ms,
        name=name,
        array_annotations={"gid": np.asarray(gids)},
    )


def _add_stimulus(segment: Any, session: Session) -> None:
    """Values of all columns whenever one changes; each holds until the next."""
    import quantities
    from neo import IrregularlySampledSignal

    stimulus = session.stimulus
    if stimulus is None or not len(session.changes.step):
        return
    times, values = session.held()
    signal = IrregularlySampledSignal(
        times * quantities.ms,
        values * quantities.Quantity(1.0, _QUANTITY[stimulus.mode]),
        name="stimulus",
        description=f"Mode {stimulus.mode}; a value holds until the next time.",
    )
    segment.irregularlysampledsignals.append(signal)
