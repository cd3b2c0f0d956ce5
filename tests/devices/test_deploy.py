"""``livn-gym deploy``: dry runs, refusals before anything is opened, and what a session leaves behind."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from devices.sessions_of_devices import CL1, LIMITS
from devices.test_cl_source import SMALL
from typer.testing import CliRunner

import livn_gym
from livn_gym.cli import app
from livn_gym.devices.guard import STOP_FILE
from livn_gym.devices.ledger import read_ledger
from livn_gym.errors import CorruptData, LivnWarning
from livn_gym.formats import read_channels

DEVICE = Path(livn_gym.__file__).parent / "templates" / "device.py"
SHORT = ["--option", "target_hz=5.0", "--option", "max_episode_steps=4", "--option", "settle_ms=400"]

TISSUE = """
from livn_gym.templates.device import MyDevice

class Tissue(MyDevice):
    def is_simulated(self):
        return False

    def open(self, folder):
        raise AssertionError("opened")
"""
"""A driver that says it reaches a real device, and must never be opened by these tests."""


def deploy(*arguments, agent="random", out=None):
    folder = [] if out is None else ["--out", str(out)]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["deploy", agent, *SHORT, *map(str, arguments), *folder])
    return done.exit_code, " ".join(done.output.split())


def limits(tmp_path, text=LIMITS, extra=""):
    path = tmp_path / "limits.toml"
    path.write_text(text.replace("= 1.0", "= 1000.0").replace("= 0.1", "= 100.0") + extra, encoding="utf-8")
    return path


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_dry_run_shows_and_keeps_what_would_be_sent(tmp_path):
    out = tmp_path / "session"
    code, output = deploy("--driver", DEVICE, "--episodes", 2, "--seed", 7, out=out)
    assert code == 0, output
    assert "random on Cortical Labs CL1, dry run" in output and "latency" in output and "Sent: 472 pulses" in output
    session = json.loads((out / "session.json").read_text())
    assert session["agent"] == "random" and session["dry_run"] is True and session["stopped"] is None
    assert session["device_hash"] == CL1.hash and session["task_version"] == "0" and len(session["task_hash"]) == 12
    assert session["pulses"] == 472 and sum(session["electrode_charge_nC"]) == pytest.approx(
        session["session_charge_uC"] * 1e3
    )
    lines = read_ledger(out / "ledger.jsonl")
    assert [line["event"] for line in lines] == ["opened", *["sent"] * 8, "closed"]
    episodes = rows(out / "episodes.csv")
    assert [row["seed"] for row in episodes] == ["7", "8"] and all(row["ended"] == "time limit" for row in episodes)
    assert sum(float(row["charge_nC"]) for row in episodes) == pytest.approx(session["session_charge_uC"] * 1e3)
    assert all(float(row["latency_ms_median"]) > 0.0 and row["unconfirmed"] == "0" for row in episodes)
    steps = rows(out / "steps.csv")
    assert sum(float(row["duration_ms"]) for row in steps) == 2 * (4 * 200.0 + 400.0)
    phases = [(int(row["episode"]), row["phase"]) for row in steps]
    assert phases == sorted(phases) and {phases.count((number, "step")) for number in (1, 2)} == {4}
    assert all(float(row["reset_charge_nC"]) == 0.0 for row in episodes) and "calibrated" not in output
    channels = np.load(out / "channels.npz")
    assert set(channels["channel"]) <= set(CL1.electrodes.usable_channels.tolist())
    assert len(channels["t_ms"]) == 472  # the toy device answers every pulse
    read = read_channels(out / "channels.npz")
    assert read.duration_ms == 2 * (4 * 200.0 + 400.0) and tuple(read.names) == CL1.electrodes.names
    order = np.lexsort((channels["channel"], channels["t_ms"]))
    np.testing.assert_array_equal(np.sort(read.t_ms), channels["t_ms"][order])
    np.testing.assert_array_equal(np.bincount(read.channel), np.bincount(channels["channel"]))
    np.savez(out / "other.npz", **{name: channels[name] for name in channels if name != "names"})
    with pytest.raises(CorruptData, match="names"):
        read_channels(out / "other.npz", "deployment")
    np.savez(out / "other.npz", **{**channels, "t_ms": channels["t_ms"][1:]})
    with pytest.raises(CorruptData, match="471.*472"):
        read_channels(out / "other.npz", "deployment")


def test_the_charge_of_a_calibration_is_named(tmp_path):
    short = ["--option", "max_episode_steps=2", "--option", "settle_ms=400", "--episodes", "2"]
    done = CliRunner().invoke(app, ["deploy", "silent", *short, "--driver", DEVICE, "--out", str(tmp_path / "session")])
    first, second = rows(tmp_path / "session" / "episodes.csv")
    assert float(first["reset_charge_nC"]) == float(first["charge_nC"]) > 0.0 == float(second["charge_nC"])
    assert f"{float(first['charge_nC']):,.0f} nC" in done.output and "calibrated" in done.output
    sent = {row["phase"] for row in rows(tmp_path / "session" / "steps.csv") if row["stim_delay_ms"] != "nan"}
    assert sent == {"reset"}


def test_silence_sends_nothing(tmp_path):
    code, output = deploy("--driver", DEVICE, "--episodes", 1, agent="silent", out=tmp_path / "session")
    assert code == 0 and "Nothing was sent." in output


def test_refusals_of_a_dry_run_are_counted_and_named(tmp_path):
    file = limits(tmp_path, extra="[stimulation]\nmax_amplitude_uA = 0.5\n")
    code, output = deploy("--driver", DEVICE, "--episodes", 1, "--limits", file, out=tmp_path / "session")
    assert code == 1 and "max_amplitude_uA" in output
    assert rows(tmp_path / "session" / "episodes.csv")[0]["refused"] == "4"
    assert not [line for line in read_ledger(tmp_path / "session" / "ledger.jsonl") if line["event"] == "sent"]


def test_a_folder_holds_one_session(tmp_path):
    assert deploy("--driver", DEVICE, "--episodes", 1, out=tmp_path / "session")[0] == 0
    code, output = deploy("--driver", DEVICE, "--episodes", 1, out=tmp_path / "session")
    assert code == 2 and "not empty" in output


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("foo=3", "'foo'"),
        ("targt_hz=3", "Did you mean 'target_hz'"),
        ("step_ms=abc", "finite number"),
        ("step_ms=-3", "greater than 0"),
        ("settle_ms=0.03", "multiple of the time step"),
        ("encoding=foo", "Unknown encoding"),
        ('encoding={"name": "pulse_amplitude", "max_amplitude_uA": 4.0}', "max_amplitude_uA"),
        ("decoding=foo", "Unknown decoding"),
        ("task=foo", "Unknown task"),
        ("conditions=foo", "Unknown condition"),
        ('conditions=["synapses_cut"]', "changes parameters"),
        ("max_episode_steps=abc", "max_episode_steps"),
        ("max_episode_steps=0", "max_episode_steps"),
        ("render_mode=foo", "render_mode"),
        ("graph_seed=foo", "graph_seed"),
        ("params=foo", "foo"),
        ("variant=foo", "foo"),
        ("profile=fast", "has no effect in a deployment"),
        ("randomize=5", "has no effect in a deployment"),
        ("observation=cells", "has no effect in a deployment"),
        ("device=mcs60", "--device is cl1, and --option device names mcs60"),
        ("device=cl2", "Did you mean 'cl1'"),
        ('device={"name": "cl1", "max_amplitude_uA": 30}', "max_amplitude_uA is 30"),
        ("posterior=nothing", "There is no folder 'nothing'"),
        ("plant=cl", "leave out the option 'plant'"),
        ("env=3", "leave out the option 'env'"),
    ],
)
def test_a_wrong_option_leaves_no_folder(tmp_path, option, message):
    code, output = deploy("--driver", DEVICE, "--option", option, out=tmp_path / "session")
    assert code == 2 and message in output and "environment creator" not in output, output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--driver", ""], "Unknown driver ''"),
        (["--driver", DEVICE, "--env", ""], "Unknown environment ''"),
        (["--driver", DEVICE, "--env", "CartPole-v1"], "of another package"),
        (["--driver", DEVICE, "--seed", 2**64], "2**64"),
        (["--driver", DEVICE, "--seed", 2**64 - 1], "2**64"),
        (["--driver", DEVICE, "--device", ""], "Unknown device ''"),
        (["--driver", DEVICE, "--limits", "."], "is a folder"),
    ],
)
def test_a_wrong_argument_leaves_no_folder(tmp_path, arguments, message):
    code, output = deploy(*arguments, out=tmp_path / "session")
    assert code == 2 and message in output, output
    assert list(tmp_path.iterdir()) == []


def test_a_task_that_the_device_cannot_drive_is_deployed_on_purpose_only(tmp_path):
    out = tmp_path / "session"
    options = ["task=discrimination", "step_ms=500", "max_episode_steps=2", "settle_ms=400"]
    command = ["deploy", "silent", "--driver", str(DEVICE), "--episodes", "1", "--out", str(out)]
    command += [word for option in options for word in ("--option", option)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2 and "not offered with cl1" in done.output and not out.exists()
    done = CliRunner().invoke(app, [*command, "--option", 'device={"name": "cl1", "all_tasks": true}'])
    assert done.exit_code == 0, done.output


def test_a_stop_file_in_the_folder_is_named_before_the_session(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / STOP_FILE).touch()
    code, output = deploy("--driver", DEVICE, out=folder)
    assert code == 2 and str(folder / STOP_FILE) in output.replace(" ", "") and "remove it" in output, output
    assert [path.name for path in folder.iterdir()] == [STOP_FILE]


def test_a_folder_with_other_files_or_a_file_is_no_folder_of_a_session(tmp_path):
    (tmp_path / "notes.txt").touch()
    for out, message in (
        (tmp_path, "not empty"),
        (tmp_path / "notes.txt", "is a file"),
        (tmp_path / "notes.txt" / "a", "file"),
    ):
        code, output = deploy("--driver", DEVICE, out=out)
        assert code == 2 and message in output, output
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--live"], "--limits FILE"),
        (["--live", "--dry-run"], "not both"),
        (["--live", "--device", "mcs60", "--limits", "LIMITS"], "verified = false"),
        (["--live", "--limits", "LIMITS", "--driver", DEVICE], "nothing to stimulate live"),
        (["--live", "--limits", "LIMITS", "--driver", "TISSUE"], "at a terminal, not by a script"),
        (["--driver", "TISSUE"], "nothing was opened"),
        (["--driver", "TISSUE", "--limits", "LIMITS"], "nothing was opened"),
        (["--limits", "WIDER", "--driver", DEVICE], "max_rate_hz is 300, the profile allows 200"),
        (["--live", "--limits", "WIDER"], "max_rate_hz is 300, the profile allows 200"),
        (["--limits", "absent.toml"], "There is no file"),
        (["--device", "cl2"], "Did you mean 'cl1'"),
        (["--driver", "simulate"], "Did you mean 'simulated'"),
        (["--env", "livn/EI2-v0"], "does not fit cl1"),
    ],
)
def test_unsafe_commands_are_refused_before_anything_is_opened(tmp_path, arguments, message):
    (tmp_path / "tissue.py").write_text(TISSUE, encoding="utf-8")
    (tmp_path / "wider.toml").write_text(LIMITS + "[stimulation]\nmax_rate_hz = 300\n", encoding="utf-8")
    places = {"LIMITS": limits(tmp_path), "WIDER": tmp_path / "wider.toml", "TISSUE": tmp_path / "tissue.py"}
    code, output = deploy(*(places.get(argument, argument) for argument in arguments), out=tmp_path / "session")
    assert code != 0 and message in output, output
    assert not (tmp_path / "session").exists()


SLOW = """
import time
from livn_gym.templates.device import MyDevice

class Slow(MyDevice):
    def read(self, duration_ms, beat):
        time.sleep(0.02)
        return super().read(duration_ms, beat)
"""


def start(tmp_path, episodes=1000):
    """Start an endless dry run in a process of its own, and wait until it has sent something."""
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    ledger = tmp_path / "session" / "ledger.jsonl"
    arguments = ["deploy", "random", "--driver", str(tmp_path / "slow.py"), "--episodes", str(episodes)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from livn_gym.cli import main; main()", *arguments, *SHORT, "--out", ledger.parent],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    waiting = threading.Event()
    while process.poll() is None and not (ledger.exists() and '"sent"' in ledger.read_text()):
        waiting.wait(0.05)
    return process, ledger


STOPS = {
    signal.SIGINT: (130, "emergency stop: Ctrl-C"),
    signal.SIGTERM: (143, "emergency stop: SIGTERM"),
    signal.SIGHUP: (129, "emergency stop: SIGHUP"),
    STOP_FILE: (1, "emergency stop: "),
}
"""Exit code, and the reason in the records, by what stops a session."""


@pytest.mark.slow
@pytest.mark.parametrize("how", STOPS)
def test_an_emergency_stop_ends_a_session(tmp_path, how):
    process, ledger = start(tmp_path)
    if how == STOP_FILE:
        (ledger.parent / STOP_FILE).touch()
    else:
        process.send_signal(how)
    output, _ = process.communicate()
    code, reason = STOPS[how]
    assert process.returncode == code, output
    *_, stopped, closed = read_ledger(ledger)
    assert stopped["event"] == "stopped" and stopped["reason"].startswith(reason) and stopped["halted"]
    assert closed["event"] == "closed"
    session = json.loads((ledger.parent / "session.json").read_text())
    (*_, episode) = rows(ledger.parent / "episodes.csv")
    assert session["stopped"] == episode["ended"] == stopped["reason"] and episode["completed"] == "False"
    assert rows(ledger.parent / "steps.csv")


@pytest.mark.slow
def test_the_ledger_of_a_killed_session_is_complete(tmp_path):
    process, ledger = start(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert [line["event"] for line in read_ledger(ledger)][:2] == ["opened", "sent"]


TRAINED = ["--option", "system=small.toml", "--option", "device=cl1", *SHORT]


def train(tmp_path, *options):
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    short = [*options, "--steps", "256", "--num-envs", "4", "--out", "runs/ppo"]
    done = CliRunner().invoke(app, ["train", "--env", "livn/EI3-v0", *short])
    assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.needs("rl")
@pytest.mark.filterwarnings("ignore::livn_gym.errors.ElectrodeWarning")  # one electrode of the small culture
def test_a_trained_agent_acts_on_a_device_as_it_was_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(tmp_path, *TRAINED)
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["deploy", "runs/ppo", "--device", "cl1", "--episodes", "1"])
    assert done.exit_code == 0, done.output
    assert "ppo (runs/ppo) on Cortical Labs CL1, dry run" in done.output and "Sent:" in done.output
    (folder,) = (tmp_path / "runs" / "ppo" / "deploy").iterdir()
    session = json.loads((folder / "session.json").read_text())
    assert session["options"]["device"] == "cl1" and session["driver"]["system"] == "small"
    trained, now = session["trained_on"], session["simulated_culture"]
    assert trained["params_hash"] == now["params_hash"] != "" and trained["task_hash"] == now["task_hash"]


@pytest.mark.slow
@pytest.mark.needs("rl")
@pytest.mark.filterwarnings("ignore::livn_gym.errors.ElectrodeWarning")  # one electrode of the small culture
def test_an_agent_of_simulated_cells_is_deployed_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(tmp_path, *TRAINED, "--option", "observation=cells")
    with pytest.warns(LivnWarning, match="trained on the spikes of simulated cells"):
        done = CliRunner().invoke(app, ["deploy", "runs/ppo", "--device", "cl1", "--episodes", "1"])
    assert done.exit_code == 0, done.output


@pytest.mark.slow
@pytest.mark.needs("rl")
@pytest.mark.filterwarnings("ignore::livn_gym.errors.ElectrodeWarning")  # one electrode of the small culture
def test_an_agent_with_other_channels_is_refused_before_anything_is_sent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(tmp_path, "--option", "system=small.toml", *SHORT)
    done = CliRunner().invoke(app, ["deploy", "runs/ppo", "--driver", str(DEVICE), "--out", "session"])
    assert done.exit_code == 2 and "trained with --option device=cl1" in " ".join(done.output.split())
    assert not Path("session").exists()
