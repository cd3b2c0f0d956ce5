"""The benchmark on the Poisson fake, in this process; and once in processes of its own on the native engine."""

import json
import subprocess
import sys
import time
from concurrent.futures import Future
from importlib.resources import files

import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend
from mpi import launch

import livn_gym
from livn_gym import config, processors
from livn_gym.agents import benchmark as bench
from livn_gym.agents import evaluate, report, summary
from livn_gym.agents.baselines import NAMES
from livn_gym.atomic import only_writer
from livn_gym.envs.registration import spec_of, standard_ids
from livn_gym.errors import CorruptData, InvalidInput, UnknownName

OPTIONS = {"settle_ms": 200.0, "max_episode_steps": 5}


class Here:
    """Stands for a pool of processes and does everything at once."""

    def __init__(self, *arguments, **options):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def submit(self, call, *arguments):
        future = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def here(monkeypatch):
    use_poisson_backend(monkeypatch)
    monkeypatch.setattr(bench, "ProcessPoolExecutor", Here)
    calls = []
    real = bench.run

    def run(job, folder):
        calls.append(job)
        return real(job, folder)

    monkeypatch.setattr(bench, "run", run)
    return calls


def small(agents=("silent", "random", "proportional-integral"), seeds=2, **options):
    return bench.jobs(["livn/EI1-v0", "livn/EI2-v0"], agents, seeds=seeds, episodes=2, options=OPTIONS, **options)


def test_the_standard_is_every_task_once_on_the_smaller_system():
    ids = standard_ids()
    assert {"livn/EI2-v0", "livn/EI2-OptoClamp-v0", "livn/EI3-Pong-v0"} < set(ids) and "livn/EI3-v0" not in ids
    assert sorted(spec_of(env_id).kwargs["task"] for env_id in ids) == sorted(config.names("tasks"))
    wanted = bench.jobs(ids, bench.AGENTS)
    assert len(wanted) == 7 * sum(3 if "EI3" in env_id else 5 for env_id in ids)
    budgets = [job.steps for job in wanted]
    assert budgets == sorted(budgets, key=bool) and max(budgets) > 0  # baselines first


def test_a_row_for_every_run_and_none_twice(here, tmp_path):
    told = []
    rows = bench.benchmark(small(), tmp_path, report=lambda done, total, row: told.append((done, total)))
    assert len(rows) == len(here) == 12 and told == [(k, 12) for k in range(1, 13)]
    assert all(row["status"] == "done" and row["measure"] == "error_hz" and row["commit"] for row in rows)
    assert {float(row["charge_nC"]) for row in rows if row["agent"] == "silent"} == {0.0}
    again = bench.benchmark(small(seeds=3), tmp_path)
    assert again[:12] == rows and len(here) == 18  # only the third seed was run
    assert bench.read(tmp_path / "rows.csv") == again
    other = bench.benchmark(small(agents=["silent"], seeds=1, steps=7), tmp_path)
    assert len(here) == 18 and [row["agent"] for row in other] == ["silent"] * 2  # baselines have no steps


def test_rows_of_other_parameters_are_not_taken(here, tmp_path):
    params = tmp_path / "mine.toml"
    text = files("livn_gym.configs").joinpath("params", "EI2.toml").read_text(encoding="utf-8")
    params.write_text(text)
    options = OPTIONS | {"params": str(params)}
    wanted = bench.jobs(["livn/EI2-v0"], ["silent"], seeds=1, episodes=2, options=options)
    (first,) = bench.benchmark(wanted, tmp_path)
    assert first["params"] == "EI2" and len(first["params_hash"]) == 12
    assert bench.benchmark(wanted, tmp_path) == [first] and len(here) == 1
    params.write_text(text.replace("std_e = ", "std_e = 1", 1))
    (second,) = bench.benchmark(wanted, tmp_path)
    assert len(here) == 2 and second["params_hash"] != first["params_hash"]
    assert bench.read(tmp_path / "rows.csv") == [first, second]


def test_a_table_refuses_rows_of_other_parameters_or_another_version_of_the_task(here, tmp_path):
    wanted = bench.jobs(["livn/EI2-v0"], ["silent", "random"], seeds=1, episodes=2, options=OPTIONS)
    rows = bench.benchmark(wanted, tmp_path)
    assert summary.summary(wanted, rows)["livn/EI2-v0"]["silent"]["runs"] == 1
    for name in ("params_hash", "task_version", "task_hash"):
        with pytest.raises(InvalidInput, match="would mix results"):
            summary.summary(wanted, [rows[0], rows[1] | {name: "other"}])


def test_runs_of_a_seed_play_the_same_episodes(here, tmp_path):
    rows = bench.benchmark(small(agents=["silent", "on-off"]), tmp_path)
    by_seed = {row["seed"]: row["total_reward"] for row in rows if row["agent"] == "silent" and "EI2" in row["env"]}
    assert by_seed["0"] != by_seed["1"]
    other = bench.benchmark(small(agents=["silent"]), tmp_path / "other")
    first = {bench.key_of(row): row["total_reward"] for row in rows if row["agent"] == "silent"}
    assert {bench.key_of(row): row["total_reward"] for row in other} == first


def test_control_columns_are_returns_of_the_same_agent_and_episodes(here, tmp_path):
    options = OPTIONS | {"conditions": "silent_culture"}
    (job,) = bench.jobs(["livn/EI2-v0"], ["proportional-integral"], seeds=1, episodes=2, options=options)
    (row,) = bench.benchmark([job], tmp_path)
    factory = {"agent": evaluate.baseline("proportional-integral", job.env_id, **options)}
    for column, changed in {
        "total_reward": {},
        "cut_reward": {"conditions": ["silent_culture", "synapses_cut"]},
        "long_blank_reward": {"blank_ms": 5.0},
    }.items():
        played = evaluate.play(factory, job.env_id, episodes=2, **(options | changed))["agent"]
        assert float(row[column]) == np.mean([episode.total_reward for episode in played])
    (line,) = report.lines(summary.summary([job], [row]))
    expected = [f"{float(row[column]):.2f}" for column in ("cut_reward", "long_blank_reward")]
    assert list(line[5:7]) == expected and list(report.HEADINGS[5:7]) == ["synapses cut", "blanked 5 ms"]


def test_what_is_missing_says_so(here, tmp_path):
    wanted = small(seeds=1)
    rows = bench.benchmark(wanted, tmp_path, hours=0)
    assert rows == [] and here == []
    table = report.lines(summary.summary(wanted, rows))
    assert [line[3:5] for line in table] == [("0/1", "not run")] * 6
    report.write(tmp_path, summary.summary(wanted, rows), {})
    assert "not run" in (tmp_path / "table.md").read_text()


def test_a_controller_without_a_target_says_so_and_is_left_out_of_the_table(here, tmp_path):
    wanted = bench.jobs(["livn/EI3-Discrimination-v0"], ["on-off", "silent"], seeds=1, episodes=2, options=OPTIONS)
    rows = bench.benchmark(wanted, tmp_path, report=lambda done, total, row: row["total_reward"])
    found = {row["agent"]: row for row in rows}
    assert {name: row["status"] for name, row in found.items()} == {"on-off": "no target", "silent": "done"}
    assert found["silent"]["measure"] == "accuracy" and 0 <= float(found["silent"]["effect"]) <= 1
    table = report.lines(summary.summary(wanted, bench.read(tmp_path / "rows.csv")))
    assert [line[1] for line in table] == ["silent"]  # nothing to show of the other
    assert len(bench.benchmark(wanted, tmp_path)) == len(here) == 2


def test_a_failed_run_stops_and_keeps_what_is_done(here, tmp_path, monkeypatch):
    done = bench.run

    def fail(job, folder):
        if job.agent == "random":
            raise RuntimeError("broken")
        return done(job, folder)

    monkeypatch.setattr(bench, "run", fail)
    with pytest.raises(RuntimeError, match="broken"):
        bench.benchmark(small(seeds=1), tmp_path, processes=1)
    assert [row["agent"] for row in bench.read(tmp_path / "rows.csv")] == ["silent"]


def test_summary_and_page(here, tmp_path):
    wanted = small(seeds=3)
    rows = bench.benchmark(wanted, tmp_path)
    tables = summary.summary(wanted, rows)
    entry = tables["livn/EI2-v0"]["silent"]
    returns = [float(row["total_reward"]) for row in rows if row["env"] == "livn/EI2-v0" and row["agent"] == "silent"]
    assert entry["returns"] == returns and entry["runs"] == entry["planned"] == 3
    assert entry["score"][1] <= entry["score"][0] <= entry["score"][2]
    scaled = summary.overall(tables)
    assert set(scaled) == {"silent", "random", "proportional-integral"}
    assert scaled["proportional-integral"][0] > scaled["silent"][0]
    report.write(tmp_path, tables, scaled)
    hashes = {row["params_hash"] for row in rows if row["env"] == "livn/EI2-v0"}
    origin = f"`livn/EI2-v0`: parameters EI2 ({hashes.pop()}), task version 0."
    assert not hashes and origin in (tmp_path / "table.md").read_text()
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    page = tmp_path / "page.md"
    page.write_text("Before\n<!-- table -->\nold\n<!-- end -->\nAfter\n")
    for _ in range(2):
        report.fill(page, tmp_path)
    text = page.read_text()
    assert text.startswith("Before\n") and text.endswith("After\n") and "old" not in text
    assert text.count("| livn/EI2-v0 | silent | - | 3/3 |") == 1


def test_scaled_returns():
    entry = {"runs": 2, "planned": 2, "status": "done", "score": None}
    missing = {"runs": 1, "planned": 2, "status": "done", "score": None, "returns": [0.0]}
    tables = {
        "incomplete": {"random": missing, "silent": entry | {"returns": [1.0, 3.0]}, "ppo": missing},
        "a": {name: entry | {"returns": values} for name, values in
              {"random": [0.0, 0.0], "silent": [1.0, 3.0], "ppo": [4.0, 4.0]}.items()},
        "b": {name: entry | {"returns": values} for name, values in
              {"random": [-10.0, -10.0], "silent": [0.0, 0.0], "ppo": [10.0, 10.0]}.items()},
    }  # fmt: skip
    scaled = summary.overall(tables)
    np.testing.assert_array_equal(scaled["ppo"], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(scaled["random"], [0.0, 0.0, 0.0])
    assert scaled["silent"][0] == 1.0
    assert summary.overall({"incomplete": tables["incomplete"]}) == {}


def test_what_is_named_twice_counts_once():
    once, twice = (bench.jobs(["livn/EI1-v0"] * n, ["silent", "random"] * n, seeds=2) for n in (1, 2))
    assert twice == once and len(once) == 4


def test_on_the_largest_culture_only_baselines_play():
    jobs = bench.jobs([bench.BASELINES_ONLY, "livn/EI3-Pong-v0"])
    assert {job.agent for job in jobs if job.env_id == bench.BASELINES_ONLY} == set(NAMES)
    assert {job.episodes for job in jobs if job.env_id == bench.BASELINES_ONLY} == {2}
    assert {job.agent for job in jobs if job.env_id == "livn/EI3-Pong-v0"} == set(bench.AGENTS)
    entry = {"runs": 1, "planned": 1, "status": "done", "score": None}
    small = {name: entry | {"returns": [value]} for name, value in {"silent": 0.0, "random": 1.0, "ppo": 2.0}.items()}
    tables = {"small": small, "large": {name: small[name] for name in ("silent", "random")}}
    assert summary.overall(tables)["ppo"][0] == 2.0
    equal = small | {"random": small["silent"]}  # cannot be scaled
    assert summary.overall(tables | {"equal": equal})["ppo"][0] == 2.0


@pytest.mark.parametrize("env_id, episodes", [(bench.BASELINES_ONLY, 2), ("livn/EI3-Pong-v0", 8)])
def test_the_search_on_the_largest_culture_is_short(env_id, episodes, monkeypatch):
    found = []
    monkeypatch.setattr(
        bench.BestConstant, "search", lambda name, **given: found.append(given) or bench.BestConstant(0)
    )
    bench._best_strength.__wrapped__(env_id, "{}")
    assert found == [{"episodes": episodes}]


def test_a_training_under_other_parameters_has_a_folder_of_its_own():
    job = bench.jobs(["livn/EI1-v0"], ["ppo"], seeds=1)[0]
    first = bench._name(job, {"params_hash": "a"})
    assert bench._name(job, {"params_hash": "a"}) == first != bench._name(job, {"params_hash": "b"})


def test_one_process_at_a_time_writes_to_a_folder(here, tmp_path):
    bench.benchmark(small(agents=["silent"]), tmp_path)
    with only_writer(tmp_path):
        with pytest.raises(InvalidInput, match="Another process writes"):
            bench.benchmark(small(), tmp_path)
        assert len(bench.benchmark(small(), tmp_path, hours=0)) == 4  # only reads


def test_hyperparameters_of_earlier_runs_are_kept(here, tmp_path):
    (tmp_path / "configs.json").write_text('{"livn/EI3-Pong-v0": {"sac": {"steps": 3}}}')
    bench.benchmark(small(agents=["silent"]), tmp_path)
    bench.benchmark(small(agents=["silent", "ppo"]), tmp_path, hours=0)
    assert json.loads((tmp_path / "configs.json").read_text()) == {"livn/EI3-Pong-v0": {"sac": {"steps": 3}}}
    (tmp_path / "configs.json").write_text("{")
    with pytest.raises(CorruptData, match="configs.json is no file of hyperparameters"):
        bench.benchmark(small(), tmp_path)


def test_conditions_of_an_id_hold_in_its_controls():
    delayed = {"name": "latency", "latency_ms": 20.0}
    livn_gym.register("benchmark/Late-v0", system="EI1", conditions=delayed)
    try:
        assert bench.controls("benchmark/Late-v0", {})["cut_reward"] == {"conditions": [delayed, "synapses_cut"]}
        other = bench.controls("benchmark/Late-v0", {"conditions": "silent_culture"})
        assert other["cut_reward"] == {"conditions": ["silent_culture", "synapses_cut"]}
    finally:
        del gym.registry["benchmark/Late-v0"]


def test_a_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    for text in (None, "no marks", "<!-- end -->\n<!-- table -->\n"):
        if text is not None:
            page.write_text(text)
        with pytest.raises(InvalidInput, match="page"):
            report.check_page(page)


def test_large_systems_have_fewer_runs():
    jobs = bench.jobs(["livn/EI2-v0", "livn/EI3-Pong-v0"], ["silent"])
    assert [job.seed for job in jobs if job.env_id == "livn/EI2-v0"] == [0, 1, 2, 3, 4]
    assert [job.seed for job in jobs if job.env_id == "livn/EI3-Pong-v0"] == [0, 1, 2]
    assert len(bench.jobs(["livn/EI3-Pong-v0"], ["silent"], seeds=4)) == 4


def test_unknown_names_are_refused():
    with pytest.raises(UnknownName, match="'silent'"):
        bench.jobs(["livn/EI2-v0"], ["silnt"])
    with pytest.raises(UnknownName, match="livn/EI2-v0"):
        bench.jobs(["livn/EI22-v0"], ["silent"])


@pytest.mark.slow
def test_runs_in_processes_of_their_own(tmp_path):
    wanted = bench.jobs(["livn/EI1-v0"], ["silent", "ppo"], seeds=2, steps=256, episodes=2, options=OPTIONS)
    rows = bench.benchmark(wanted, tmp_path, processes=2)
    assert sorted((row["agent"], row["seed"]) for row in rows) == [
        ("ppo", "0"),
        ("ppo", "1"),
        ("silent", "0"),
        ("silent", "1"),
    ]
    configs = json.loads((tmp_path / "configs.json").read_text())
    assert configs["livn/EI1-v0"]["ppo"]["steps"] == 256
    assert len(list((tmp_path / "runs").glob("livn-EI1-v0-ppo-*/model.zip"))) == 2


@pytest.mark.slow
def test_a_killed_benchmark_leaves_no_process(tmp_path):
    command = [sys.executable, "-c", "from livn_gym.cli import main; main()", "benchmark", "--out", str(tmp_path)]
    options = ["--tasks", "livn/EI1-v0", "--agents", "ppo", "--seeds", "1", "--steps", "10000000", "--processes", "1"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 120
        while not list(tmp_path.glob("runs/*/config.json")):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.2)
        workers = launch.children(process.pid)
        assert workers
    finally:
        process.kill()
        process.wait()
    end = time.monotonic() + 60
    while left := launch.alive(workers):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_workers_divide_the_processors():
    """A single worker, beside which another benchmark may be running, is bound to none."""
    assert processors.share([0, 1, 4, 5], 0, 1) == {0, 1, 4, 5}
    assert [processors.share([0, 1, 4, 5, 6], worker, 2) for worker in (0, 1)] == [{0, 1}, {4, 5, 6}]
    assert [processors.share([3, 7], worker, 3) for worker in (0, 1, 2)] == [{3}, {3}, {7}]
