"""The search: resumable, repeatable, with a result that says where it comes from."""

import tomllib
from dataclasses import replace

import pytest

from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnknownName
from livn_gym.parameters import read_params, tuned
from livn_gym.system import make
from livn_gym.tuning import CultureSet, Protocol, Target, Targets, tune
from livn_gym.tuning.result import provenance, rounded, write_params
from livn_gym.tuning.study import FIRST_TRIALS, first_trials, open_study, search_protocol, with_products

ONE = CultureSet("one", (None,), (1,))
KEY = "noise-EXC-std_e"


@pytest.fixture
def targets(short):
    wanted = {"rate_hz": Target("rest", 2.0, 4.5, 3.0), "blanked_hz": Target("stimulation", 3.0, 15.0)}
    return Targets("mine", wanted, {KEY: (0.4, 0.9)}, short)


@pytest.fixture
def search(poisson, targets, tmp_path):
    def run(trials, **changes):
        options = {"cultures": ONE, "confirmation": ONE, "finalists": 1} | changes
        return tune("EI1", targets, tmp_path / "study.journal", trials=trials, **options)

    return run


def test_a_study_goes_on_where_it_was(search):
    seen = []
    first = search(3, on_trial=lambda study, trial: seen.append(trial))
    assert [trial.number for trial in seen] == [0, 1, 2]
    second = search(5, on_trial=lambda study, trial: seen.append(trial))
    assert [trial.number for trial in seen] == [0, 1, 2, 3, 4]
    assert (first.trials, second.trials) == (3, 5)
    assert search(5).trials == 5  # nothing left to do


def test_the_first_trial_is_the_start_and_only_what_is_searched_changes(search):
    seen = []
    found = search(2, on_trial=lambda study, trial: seen.append(trial))
    start = tuned(make("EI1"))
    assert seen[0].params == {KEY: start[KEY]}
    assert {key: value for key, value in found.params.items() if key != KEY} == {
        key: value for key, value in start.items() if key != KEY
    }
    assert seen[0].user_attrs["rate_hz"] == pytest.approx(3.0, abs=1.5)  # the fake's, ten cells for 3 s
    assert len(seen[0].values) == 2  # an objective a group
    assert found.values["blanked_hz"] == pytest.approx(6.36, abs=3.0)
    assert found.simulation["backend"] == "fake"


def test_first_trials_lie_near_the_start_and_within_the_bounds(targets):
    base = {KEY: 0.88}
    tried = [values[KEY] for values in first_trials(targets, base, seed=1)]
    assert tried[0] == 0.88 and len(set(tried)) > FIRST_TRIALS / 2
    assert all(0.7 < value <= 0.9 for value in tried)
    assert first_trials(targets, base, seed=1) == first_trials(targets, base, seed=1)


@pytest.mark.parametrize(("limit", "value", "runs"), [("ALIVE_HZ", (10.0, 20.0), 3000.0), ("LEAST_RANGE", 9.0, 4400.0)])
def test_a_set_that_is_not_promising_is_given_up_after_one_graph(
    poisson, targets, tmp_path, monkeypatch, limit, value, runs
):
    """After its rest if it is silent or in seizure, after its sustained stimulation if that does not move it."""
    monkeypatch.setattr(f"livn_gym.tuning.study.{limit}", value)
    simulated = []
    monkeypatch.setattr(Env, "run", counted(Env.run, simulated))
    two = CultureSet("two", (None, 5), (1,))
    targets = replace(targets, protocol=replace(targets.protocol, cut_ms=0.0, device_ms=0.0))
    options = {"cultures": two, "confirmation": ONE, "finalists": 0}
    with pytest.raises(ValueError, match="empty"):  # no finalists, hence nothing is chosen
        tune("EI1", targets, tmp_path / "study.journal", trials=1, **options)
    assert sum(simulated) == 200.0 + runs


def counted(run, simulated):
    def counting(self, duration, *arguments, **options):
        simulated.append(duration)
        return run(self, duration, *arguments, **options)

    return counting


def test_a_search_varies_the_product_of_u_and_tau_rec():
    base = {"depression-EXC-U": 0.5, "depression-EXC-tau_rec": 120.0}
    key = "depression-EXC-U_tau_rec"
    assert with_products(base) == base
    changed = with_products(base | {"depression-EXC-tau_rec": 240.0, key: 60.0})
    assert changed == {"depression-EXC-U": 0.25, "depression-EXC-tau_rec": 240.0}
    targets = Targets("mine", {"rate_hz": Target("rest", 2.0)}, {key: (40.0, 90.0)}, Protocol())
    assert first_trials(targets, base, seed=0)[0] == {key: 60.0}


def test_the_search_runs_only_what_its_targets_need(targets):
    protocol = search_protocol(replace(targets, protocol=Protocol()))
    assert (protocol.cut_ms, protocol.device_ms, protocol.place_trials) == (0.0, 0.0, 0)
    assert (protocol.levels_uA[0], protocol.top_uA) == (0.0, Protocol().top_uA)
    placed = replace(targets, targets=targets.targets | {"place": Target("stimulation", 0.6)}, protocol=Protocol())
    assert search_protocol(placed).place_trials == Protocol().place_trials


def test_a_study_of_something_else_is_refused(search, targets, poisson, tmp_path):
    search(1)
    with pytest.raises(InvalidInput, match="EI1 with other targets"):
        open_study(tmp_path / "study.journal", "EI2", targets, 0, {})
    other = replace(targets, search={KEY: (0.1, 0.2)})
    with pytest.raises(InvalidInput, match="other targets"):
        open_study(tmp_path / "study.journal", "EI1", other, 0, {})
    for changes in ({"start": {KEY: 0.15}}, {"cultures": CultureSet("two", (None,), (1, 2))}, {"profile": "exact"}):
        with pytest.raises(InvalidInput, match="other targets, start, cultures or options"):
            search(2, **changes)
    bands = {name: replace(target, high=(target.high or target.low) + 1.0) for name, target in targets.targets.items()}
    with pytest.raises(InvalidInput, match="other targets"):
        open_study(tmp_path / "study.journal", "EI1", replace(targets, targets=bands), 0, {})
    with pytest.raises(InvalidInput, match="no folder"):
        open_study(tmp_path / "absent" / "study.journal", "EI1", targets, 0, {})
    with pytest.raises(InvalidInput, match="no table \\[search\\]"):
        tune("EI1", replace(targets, search={}), tmp_path / "other.journal", trials=1)
    with pytest.raises(UnknownName, match="noise-std"):
        tune("EI1", replace(targets, search={"noise-std": (0.1, 0.2)}), tmp_path / "other.journal", trials=1)


def test_parameters_are_written_as_they_are_read(targets, tmp_path):
    params = {key: rounded(value * 1.234567) for key, value in tuned(make("EI2")).items()}
    path = tmp_path / "EI2.toml"
    write_params(path, params, provenance("EI2", "mine", targets, reached={"rate_hz": 3.0}, seeds=[1, 2]), "A test.")
    assert read_params(path) == params
    about = tomllib.loads(path.read_text())["provenance"]
    assert (about["system"], about["variant"], about["targets"]) == ("EI2", "mine", "mine")
    assert (about["reached"], about["seeds"]) == ({"rate_hz": 3.0}, [1, 2])
    assert about["version"]


def test_only_files_of_parameters_are_read(tmp_path):
    for content, message in (
        ("x = ", "not valid TOML"),
        ("[provenance]\nx = 1", "holds no"),
        ("[other]\nx = 1", "'other'"),
    ):
        path = tmp_path / "wrong.toml"
        path.write_text(content)
        with pytest.raises(InvalidInput, match=message):
            read_params(path)
    with pytest.raises(InvalidInput, match="There is no file"):
        read_params(tmp_path / "absent.toml")


@pytest.mark.parametrize(("commit", "warnings"), [("0123456789ab", 0), ("0123456789ab-dirty", 1), (None, 0)])
def test_provenance_of_changed_files_is_a_warning(targets, monkeypatch, caplog, commit, warnings):
    monkeypatch.setattr("livn_gym.tuning.result._commit", lambda: commit)
    about = provenance("EI2", None, targets, trials=3)
    assert about.get("commit") == commit and about["trials"] == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warnings
