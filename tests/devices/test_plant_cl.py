"""Environments and sessions over the CL API itself, with a simulated culture behind it."""

import json
import signal
import subprocess
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
from cl_sdk import MAIN, environment, in_python, python
from devices.test_cl_source import SMALL

from livn_gym.device_profile import find
from livn_gym.devices.guard import STOP_FILE
from livn_gym.devices.ledger import read_ledger

pytestmark = [pytest.mark.needs("cl"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
USABLE = set(find("cl1").electrodes.usable_channels.tolist())
SHORT = ["--option", "target_hz=5.0", "--option", "max_episode_steps=4", "--option", "settle_ms=400"]
FRAME_US = 40

HEAD = """
import json, time
from pathlib import Path
import numpy as np
import gymnasium as gym
from dataclasses import replace
from livn_gym.device_profile import find
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.plants.cl import ClDriver
from livn_gym.errors import DeviceStopped, LivingTissue
from livn_gym.stimulus import Stimulus
import livn_gym

CULTURE = {"system": "small.toml", "seed": 1, "settle_ms": 200.0}
LATE = dict(duration_ms=200.0, rate_hz=5.0, phase_ms=0.5, start_ms=150.0)
TRAIN = Stimulus.pulse_train(np.full(59, 2.0), **LATE)
AT_DEVICE = Stimulus.pulse_train(np.where(find("cl1").electrodes.usable, 2.0, 0.0), **LATE)

def plant(accelerated=True, folder="session", **limits):
    driver = ClDriver(culture={**CULTURE, "accelerated": accelerated}, samples=False)
    made = replace(SessionLimits.of_profile(find("cl1")), **limits)
    return GuardedPlant(driver, made, folder=Path(folder))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.toml").write_text(SMALL, encoding="utf-8")
    return tmp_path


def given(folder):
    """Channel and frame of the pulses in the device's own recording of the session."""
    (path,) = (folder / "session").glob("*.h5")
    with h5py.File(path) as file:
        return [(int(row["channel"]), int(row["timestamp"])) for row in file["stims"][:]]


def test_the_driver_conforms(folder):
    code = """
from livn_gym.devices.conformance import conform
print(json.dumps(conform(ClDriver(culture={**CULTURE, "accelerated": True}))))
"""
    assert in_python(HEAD + code, folder).lines == [["open", "silence", "pulses", "halt", "close"]]


def test_the_device_gives_what_the_ledger_says_and_nothing_else(folder):
    code = """
env = gym.make("livn/EI3-v0", plant=plant(), target_hz=5.0, max_episode_steps=5)
for seed in range(2):
    env.reset(seed=seed)
    rng, over = np.random.default_rng(seed), False
    while not over:
        *_, over, info = env.step(rng.uniform(-1, 1, 59).astype(np.float32))
device = env.unwrapped.culture
stimulated = [step for step in device.steps if step.stim_delay_ms == step.stim_delay_ms]
print(json.dumps([[step.stim_delay_ms, step.unconfirmed] for step in stimulated]))
print(json.dumps([device.guard.charge_uC, info["rate_hz"]]))
env.close()
"""
    done = in_python(HEAD + code, folder)
    delays, (charge_uC, rate_hz) = done.lines
    assert len(delays) == 10 and all(late_ms == 0.0 and missing == 0 for late_ms, missing in delays)
    sent = [line for line in read_ledger(folder / "session" / "ledger.jsonl") if line["event"] == "sent"]
    pulses = [
        (channel, round((line["start_ms"] * 1e3 + command["onset_us"]) / FRAME_US))
        for line in sent
        for command in line["commands"]
        for channel in command["channels"]
    ]
    stims = given(folder)
    assert len(stims) == len(pulses) == 10 * 59 and {channel for channel, _ in stims} == USABLE
    # Both in order of time per channel: the device's clock began earlier, and ran on between the two episodes.
    for channel in sorted(USABLE):
        own, other = (np.array([frame for c, frame in rows if c == channel]) for rows in (pulses, stims))
        assert len(set(other[:5] - own[:5])) == 1 and len(set(other[5:] - own[5:])) == 1
    assert sum(line["charge_nC"] for line in sent) == pytest.approx(charge_uC * 1e3) and rate_hz > 0.0


def test_a_stop_removes_the_pulses_that_are_queued(folder):
    code = """
with plant() as device:
    device.run(200.0, TRAIN)
    device.guard.send(AT_DEVICE, 200.0, device.driver.send)
    device.guard.stop("emergency stop")
    reading = device.driver.read(400.0, lambda late_ms: None)
    print(json.dumps(len(reading.stim_channel)))
    try:
        device.run(200.0, TRAIN)
    except DeviceStopped as error:
        print(json.dumps(str(error)))
"""
    left, message = in_python(HEAD + code, folder).lines
    assert left == 0 and "emergency stop" in message
    assert len(given(folder)) == 59  # those of the first run


def test_the_watchdog_interrupts_a_loop_that_hangs(folder):
    code = """
with plant(accelerated=False, heartbeat_ms=3000.0, max_late_ms=1e6) as device:
    device.run(200.0, TRAIN)
    device.guard.send(AT_DEVICE, 200.0, device.driver.send)
    while device.guard.stopped is None:
        time.sleep(0.01)  # the agent hangs; another thread stops the session
    print(json.dumps(device.guard.stopped))
    try:
        device.run(200.0, TRAIN)
    except DeviceStopped as error:
        print(json.dumps(str(error)))
"""
    reason, message = in_python(HEAD + code, folder).lines
    assert reason.startswith("watchdog: no heartbeat") and reason in message


def test_a_loop_that_is_late_in_real_time_sends_nothing(folder):
    code = """
with plant(accelerated=False, max_late_ms=10_000.0) as device:
    device.run(200.0, TRAIN)
    while device.driver.lag_ms() < 10_500.0:
        time.sleep(0.1)
    try:
        device.run(200.0, TRAIN)
    except DeviceStopped as error:
        print(json.dumps(str(error)))
    print(json.dumps(device.guard.pulses_sent))
"""
    message, pulses = in_python(HEAD + code, folder).lines
    assert "watchdog: the control loop is" in message and pulses == 59


def test_an_exception_of_the_agent_stops_the_device(folder):
    code = """
try:
    with plant() as device:
        device.run(200.0, TRAIN)
        raise ZeroDivisionError("agent")
except ZeroDivisionError:
    print(json.dumps(device.guard.stopped))
"""
    assert in_python(HEAD + code, folder).lines == ["exception: ZeroDivisionError: agent"]
    assert [line["event"] for line in read_ledger(folder / "session" / "ledger.jsonl")][-2:] == ["stopped", "closed"]


def test_a_real_device_is_not_opened(folder):
    code = """
import cl
def opened(*args, **kwargs):
    raise AssertionError("opened")
cl.is_simulator, cl.open = lambda: False, opened
for make in (lambda: plant(), lambda: gym.make("livn/EI3-v0", plant="cl")):
    try:
        make()
    except LivingTissue as error:
        print(json.dumps(str(error)))
"""
    lines = in_python(HEAD + code, folder).lines
    assert len(lines) == 2 and all("nothing was opened" in line for line in lines)
    assert not (folder / "session").exists()


def deploy(folder, *arguments):
    command = [python(), "-c", MAIN, "deploy", "random", "--driver", "cl", "--no-samples", "--out", "session"]
    return subprocess.Popen(
        [*command, "--option", "system=small.toml", *SHORT, *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_dry_run_through_the_api(folder):
    process = deploy(folder, "--episodes", "2")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "dry run" in output and "Sent: 472 pulses at 59 channels" in output
    session = json.loads((folder / "session" / "session.json").read_text())
    assert session["driver"]["simulated"] is True and session["driver"]["cl_sdk"]
    assert len(given(folder)) == 472


@pytest.mark.parametrize("how", [signal.SIGINT, STOP_FILE])
def test_an_emergency_stop_of_a_deployment(folder, how):
    process, ledger = deploy(folder, "--episodes", "1000"), folder / "session" / "ledger.jsonl"
    waiting = threading.Event()
    while process.poll() is None and not (ledger.exists() and '"sent"' in ledger.read_text()):
        waiting.wait(0.05)
    if how == STOP_FILE:
        (folder / "session" / STOP_FILE).touch()
    else:
        process.send_signal(how)
    output, _ = process.communicate()
    assert process.returncode == (1 if how == STOP_FILE else 130), output
    lines = read_ledger(ledger)
    assert lines[-2]["event"] == "stopped" and lines[-2]["halted"] is True
    assert lines[-2]["reason"].startswith("emergency stop")
    sent = sum(command["count"] * len(command["channels"]) for line in lines for command in line.get("commands", []))
    assert len(given(folder)) <= sent


def test_an_agents_score_is_that_in_the_direct_environment(folder):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "benchmarks" / "devices")!r})
import deploy
options = {{"system": "small.toml", "target_hz": 5.0, "max_episode_steps": 10}}
direct = deploy.direct("proportional-integral", 6, 1, **options)
device = deploy.through_api("proportional-integral", 6, Path("session"), 1, culture_seed=2, **options)
print(json.dumps(deploy.difference(*([row["total_reward"] for row in rows] for rows in (device, direct)))))
print(json.dumps([[row["total_reward"] for row in rows] for rows in (device, direct)]))
"""
    (gap, half), returns = in_python(HEAD + code, folder).lines
    assert abs(gap) <= half, returns
