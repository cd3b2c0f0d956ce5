import json
from dataclasses import replace

import numpy as np
import pytest
from cultures import equal
from fakes import use_poisson_backend
from hypothesis import given
from hypothesis import strategies as st
from sessions import RECORDED, made, stimulus

from livn_gym.env import Env
from livn_gym.errors import CorruptData, InvalidInput, NotRecorded
from livn_gym.formats import Session
from livn_gym.stimulus import Stimulus
from livn_gym.system import make


def test_a_session_comes_back_from_npz_as_it_was(tmp_path):
    session = made()
    session.save(tmp_path / "a.npz")
    again = Session.load(tmp_path / "a.npz")
    assert equal(again.recording, session.recording)
    assert again.metadata() == session.metadata()
    for name, array in session.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_numpy_alone_reads_the_file(tmp_path):
    made().save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        assert file["gid"].tolist() == [2, 0, 1, 0] and file["t_ms"].tolist() == [1.0, 2.5, 2.5, 40.0]
        assert (file["seed"], file["t0_ms"], file["duration_ms"], file["dt_ms"]) == (7, 100.0, 50.0, 0.025)
        assert json.loads(str(file["metadata"]))["system"] == "hand-made"


def test_the_session_of_an_environment(monkeypatch):
    use_poisson_backend(monkeypatch)
    with Env(make("EI2"), seed=5, num_cultures=2).init() as env:
        env.apply_model_defaults().record_spikes()
        env.clear()
        recording = env.run(100.0)
        session = Session.of(env, recording.culture(1), culture=1)
        assert (session.seed, session.trial, session.profile, session.backend) == (6, 1, "exact", "fake")
        assert session.system_sha256 == make("EI2").sha256()
        heard = env.electrodes.channel_cells()
        assert np.array_equal(session.channel_cells, np.argwhere(heard)) and len(session.channel_cells) > 10
        assert np.array_equal(session.electrodes_um, env.system.electrodes)
        with pytest.raises(InvalidInput, match="one culture's, got 2"):
            Session.of(env, recording)
        with pytest.raises(InvalidInput, match="0 to 1, got 2"):
            Session.of(env, recording.culture(0), culture=2)
        with pytest.raises(InvalidInput, match="culture=b"):  # the seed would be culture 0's
            Session.of(env, recording.culture(1))


def test_a_session_names_model_variant_and_parameters(monkeypatch, tmp_path):
    use_poisson_backend(monkeypatch)
    with Env(make("EI2"), seed=5).init() as env:
        env.apply_model_defaults("bursting").record_spikes()
        session = Session.of(env, env.run(50.0))
        assert (session.model, session.variant) == ("ReducedCalciumSomaDendrite", "bursting")
        assert session.parameter_set == "EI2-bursting"
        assert (
            session.parameters["weight-EXC_INH-hillock-AMPA-weight"]
            == env.parameters.weights["EXC_INH-hillock-AMPA-weight"]
        )
        assert session.parameters["noise-INH-std_e"] == env.parameters.noise["INH"].std_e
        session.save(tmp_path / "a.npz")
        assert Session.load(tmp_path / "a.npz").metadata() == session.metadata()
        with Env(make("EI2"), seed=5).init() as other:  # the parameters make the same culture
            other.set_params(session.parameters)
            assert other.parameters == env.parameters
        env.set_noise({"std_e": 0.125})
        changed = Session.of(env, env.run(50.0))
        assert (changed.parameter_set, changed.variant) == ("", None)
        assert changed.parameters["noise-EXC-std_e"] == 0.125


def test_the_potential_is_that_of_the_array():
    with Env(make("EI1"), seed=5, profile="fast").init() as env:
        env.apply_model_defaults().record_spikes().record_membrane_current(sample_ms=0.5)
        recording = env.run(20.0)
        session = Session.of(env, recording)
        assert np.array_equal(session.potential, env.electrodes.potential_recording(recording))
        assert session.potential.shape == (1, 40) and np.ptp(session.potential) > 0
        assert Session.of(env, recording, potential=False).potential is None


def test_a_session_of_the_first_format_is_read():
    session = made()
    new = ("model", "parameter_set", "parameters", "plasticity", "variant")
    told = {name: value for name, value in session.metadata().items() if name not in new} | {"format": 1}
    again = Session.from_parts(told, *session.recording.spikes[1:], session.arrays(traces=False))
    assert (again.model, again.parameters, again.seed) == ("", {}, 7)


def test_the_stimulus_keeps_its_changes_and_charge():
    given, session = stimulus(), made()
    again = Session.from_parts(session.metadata(), *session.recording.spikes[1:], session.arrays()).stimulus
    for name in ("step", "column", "value"):
        assert np.array_equal(getattr(again.schedule(0.025), name), getattr(given.schedule(0.025), name))
    assert np.allclose(again.charge_nC(), given.charge_nC(), rtol=1e-12) and again.charge_nC().sum() > 0
    assert (again.mode, again.num_columns, again.duration_ms) == ("electrode", 2, 50.0)


@pytest.mark.parametrize("rows", [[[1.0], [1.0], [2.0]], [[0.0], [0.0], [0.0]], [[1.0], [0.0], [-3.0]]])
def test_a_dense_stimulus_comes_back(rows):
    dense = Stimulus(rows, 5.0, "current")
    session = replace(made(), stimulus=dense)
    again = Session.from_parts(session.metadata(), *session.recording.spikes[1:], session.arrays()).stimulus
    for name in ("step", "column", "value"):
        assert np.array_equal(getattr(again.schedule(0.025), name), getattr(dense.schedule(0.025), name))


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.5]), min_size=3, max_size=3), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1999)), max_size=20, unique=True),
)
def test_any_spikes_and_stimulus_come_back(rows, spikes):
    gid, step = (np.array([spike[k] for spike in spikes], dtype=np.int64) for k in (0, 1))
    dense = Stimulus(rows, 0.1, "current")
    session = made(recording=RECORDED.with_spikes(gid, step * 0.025), stimulus=dense)
    again = Session.from_parts(session.metadata(), *session.recording.spikes[1:], session.arrays())
    assert equal(again.recording, session.recording)
    for name in ("step", "column", "value"):
        assert np.array_equal(getattr(again.changes, name), getattr(session.changes, name))
    times, values = session.held()
    # the dense rows at the times of change are what is held from then on
    padded = np.vstack([rows, np.zeros((1, 3))])
    assert np.array_equal(values, padded[np.rint(times / 0.1).astype(int)])


def test_held_values_by_hand():
    session = replace(made(), stimulus=Stimulus([[1.0, 0.0], [1.0, 2.0], [0.0, 2.0]], 5.0, "electrode"))
    times, values = session.held()
    assert times.tolist() == [0.0, 5.0, 10.0, 15.0]
    assert values.tolist() == [[1.0, 0.0], [1.0, 2.0], [0.0, 2.0], [0.0, 0.0]]
    times, values = replace(session, stimulus=None).held()
    assert times.shape == (0,) and values.shape == (0, 0)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"recording": replace(RECORDED, num_cultures=2)}, InvalidInput, "one culture's, got 2"),
        ({"recording": replace(RECORDED, spike_t=None)}, NotRecorded, "record_spikes"),
        ({"recording": replace(RECORDED, weights={"a": np.zeros((1, 1, 1))})}, InvalidInput, "cannot hold weights"),
        ({"recording": replace(RECORDED, spike_gid=np.array([9, 0, 1, 0]))}, InvalidInput, "0 to 2, got 9"),
        ({"positions_um": np.zeros((2, 3))}, InvalidInput, r"positions_um must be \[3, 3\]"),
        ({"channel_cells": np.zeros((2, 3))}, InvalidInput, r"channel_cells must be \[2, 2\]"),
        ({"stimulus": Stimulus(np.zeros((2, 60, 1)), 0.5)}, InvalidInput, "of one culture"),
        ({"stimulus": Stimulus(np.zeros((60, 1)), 1.0)}, InvalidInput, "longer"),
        ({"channel_cells": np.array([[2, 0]])}, InvalidInput, "channel_cells"),
        ({"channel_cells": np.array([[0, 3]])}, InvalidInput, "channel_cells"),
        ({"potential": np.zeros((1, 100))}, InvalidInput, r"potential must be \[2, T\]"),
        ({"potential": np.zeros((2, 99))}, InvalidInput, "same number of samples"),
        ({"seed": -1}, InvalidInput, "seed"),
        ({"trial": 1.5}, InvalidInput, "trial"),
        ({"created": "yesterday"}, InvalidInput, "ISO 8601"),
        ({"created": "2024-05-06T07:08:09"}, InvalidInput, "zone"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, error, words):
    with pytest.raises(error, match=words):
        replace(made(), **change)


def test_damaged_files_are_found(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(InvalidInput, match="no file"):
        Session.load(path)
    made().save(path)
    whole = path.read_bytes()
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2], b"text"):
        path.write_bytes(content)
        with pytest.raises(CorruptData, match="a.npz is no .npz recording"):
            Session.load(path)
    np.savez(path, gid=np.zeros(1), t_ms=np.zeros(1))  # as it was before there was metadata
    with pytest.raises(InvalidInput, match="metadata"):  # it may be a sound file of another kind
        Session.load(path)


@pytest.mark.parametrize("name", ["gid", "heard"])
def test_indices_with_fractions_are_damage_and_not_rounded(tmp_path, name):
    path = tmp_path / "a.npz"
    made().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {name: arrays[name] + 0.25})
    with pytest.raises(CorruptData, match=name):
        Session.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"populations": {"EXC": 10**15}},
        {"populations": {"EXC": -1}},
        {"populations": ["EXC"]},
        {"duration_ms": float("nan")},
        {"duration_ms": "long"},
        {"dt_ms": 0.0},
        {"sample_dt_ms": float("inf")},
        {"seed": "7"},
        {"format": "1"},
        {"stimulus": {"mode": "electrode", "columns": 10**15, "duration_ms": 50.0, "reversal_mV": 0.0}},
        {"stimulus": 5},
    ],
)
def test_absurd_metadata_is_damage(change):
    session = made()
    with pytest.raises(CorruptData):
        Session.from_parts(session.metadata() | change, *session.recording.spikes[1:], session.arrays())


@pytest.mark.parametrize("missing", ["populations", "dt_ms", "stimulus", "seed", "current_compartment"])
def test_missing_metadata_is_found(missing):
    session = made()
    told = {name: value for name, value in session.metadata().items() if name != missing}
    with pytest.raises(CorruptData, match=missing):
        Session.from_parts(told, *session.recording.spikes[1:], session.arrays())


def test_a_newer_format_is_said():
    session = made()
    with pytest.raises(InvalidInput, match="version 99"):
        Session.from_parts(session.metadata() | {"format": 99}, *session.recording.spikes[1:], session.arrays())
