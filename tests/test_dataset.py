"""Datasets: the same files in whatever way they are made, and what the rows say."""

import hashlib
import json
import shutil

import numpy as np
import pytest
from pyarrow import dataset as arrow
from pyarrow import parquet

from livn_gym import dataset
from livn_gym.dataset import Plan
from livn_gym.encoding import PulseAmplitude
from livn_gym.env import Env
from livn_gym.errors import CorruptData, InvalidInput, UnknownName
from livn_gym.system import make

PLAN = Plan(samples=7, duration_ms=200.0, settle_ms=50.0, step_ms=100.0, seed=40, shard=3)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "data").iterdir())}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset") / "made"
    return dataset.sample(make("EI1"), PLAN, folder, cultures=3)


def test_rows_are_the_runs_of_single_cultures(made):
    rows = arrow.dataset(made / "data").to_table().sort_by("sample").to_pylist()
    assert [(row["sample"], row["seed"]) for row in rows] == [(k, 40 + k) for k in range(7)]
    env = Env(make("EI1"), profile="fast", seed=45).init().apply_model_defaults().record_spikes()
    env.run(50.0)
    inputs = PLAN.inputs(5, 1)
    heard = env.electrodes.channel_cells()
    gids, times = [], []
    for step in range(2):
        _, gid, t = env.run(100.0, PulseAmplitude()(env, 100.0, inputs[step])).spikes
        gids.append(gid)
        times.append(t + 100.0 * step)
        rates_hz = heard.astype(float) @ np.bincount(gid, minlength=10) * 10.0
        np.testing.assert_allclose(rows[5]["rates_hz"][step], rates_hz, rtol=1e-6)
    assert rows[5]["gid"] == np.concatenate(gids).tolist() and len(rows[5]["gid"]) > 0
    np.testing.assert_allclose(rows[5]["t_ms"], np.concatenate(times), atol=1e-9)
    np.testing.assert_allclose(rows[5]["amplitude_uA"], (inputs.astype(float) + 1.0) * 7.5, rtol=1e-6)
    env.close()


def test_files_do_not_depend_on_how_many_run_at_once(made, tmp_path):
    again = dataset.sample(make("EI1"), PLAN, tmp_path / "again", cultures=2)
    assert digests(again) == digests(made)
    assert [len(parquet.read_table(path)) for path in sorted((again / "data").iterdir())] == [3, 3, 1]


def test_what_is_missing_is_made_and_the_rest_left_alone(made, tmp_path):
    folder, told = tmp_path / "resumed", []
    dataset.sample(make("EI1"), PLAN, folder)
    first, second, _ = sorted((folder / "data").iterdir())
    second.unlink()
    (folder / "data" / ".0123.part.parquet").write_bytes(b"half")
    before = first.stat().st_mtime_ns
    dataset.sample(make("EI1"), PLAN, folder, report=lambda done, total: told.append((done, total)))
    assert digests(folder) == digests(made)
    assert first.stat().st_mtime_ns == before
    assert told == [(4, 7), (7, 7), (7, 7)]


def test_a_folder_with_something_else_is_refused(made, tmp_path):
    with pytest.raises(InvalidInput, match="another dataset .other plan.: use another folder"):
        dataset.sample(make("EI1"), Plan(samples=8), made)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InvalidInput, match="holds no dataset"):
        dataset.sample(make("EI1"), PLAN, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("at", [0.1, 0.9, None])
def test_a_damaged_file_of_samples_is_noticed_and_made_again(made, tmp_path, at):
    folder = shutil.copytree(made, tmp_path / "copy")
    first, second, _ = sorted((folder / "data").iterdir())
    if at is None:
        shutil.copy(second, first)  # intact, with other samples
    else:
        content = bytearray(first.read_bytes())
        content[int(at * len(content))] ^= 1
        first.write_bytes(content)
    with pytest.raises(CorruptData, match=first.name):
        dataset.sample(make("EI1"), PLAN, folder)
    first.unlink()
    assert digests(dataset.sample(make("EI1"), PLAN, folder)) == digests(made)


def test_the_manifest_says_what_was_made(made):
    manifest = json.loads((made / dataset.MANIFEST).read_text())
    assert manifest["system"] == "EI1" and manifest["plan"]["seed"] == 40
    assert manifest["parameters"]["weight-EXC_INH-hillock-AMPA-weight"] > 0.0
    assert manifest["pulses"] == {"rate_hz": 20.0, "phase_ms": 0.2, "max_uA": 15.0}


def test_samples_lie_between_silence_and_stimulation_everywhere():
    plan = Plan(samples=400)
    on = np.array([(plan.inputs(k, 16) > -1.0).mean() for k in range(400)])
    assert on.min() < 0.05 and on.max() > 0.95
    assert abs(on.mean() - 0.5) < 3 * np.sqrt(1 / 12 / 400)
    assert (Plan(stimulated=False).inputs(3, 16) == -1.0).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"samples": 0}, "samples must be"),
        ({"shard": 2.5}, "shard must be"),
        ({"settle_ms": -1.0}, "settle_ms must be at least 0"),
        ({"duration_ms": 250.0}, "duration_ms"),
        ({"seed": 2**64 - 10}, "A seed must be"),
    ],
)
def test_bad_plans_are_refused(wrong, words):
    with pytest.raises(InvalidInput, match=words):
        Plan(**wrong)


def test_an_unknown_variant_leaves_no_folder(tmp_path):
    with pytest.raises(UnknownName, match="nowhere"):
        dataset.sample(make("EI1"), Plan(variant="nowhere"), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_process_killed_before_its_first_file_does_not_hold_the_folder(made, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / ".0123456789ab.abcdef01-1-12345678.part.json").write_text("{")
    dataset.sample(make("EI1"), PLAN, tmp_path, cultures=3)
    assert digests(tmp_path) == digests(made)
    (tmp_path / "data" / "mine.txt").write_text("precious")
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(InvalidInput, match="holds no dataset"):
        dataset.sample(make("EI1"), PLAN, tmp_path, cultures=3)


@pytest.mark.parametrize("wrong", [{"plan": {"backend": "neurn"}}, {"plan": {"profile": "fst"}}, {"cultures": 0}])
def test_what_is_refused_leaves_no_folder(tmp_path, wrong):
    with pytest.raises(InvalidInput):
        plan = Plan(samples=2, **wrong.get("plan", {}))
        dataset.sample(make("EI1"), plan, tmp_path / "new", cultures=wrong.get("cultures", 2))
    assert list(tmp_path.iterdir()) == []
