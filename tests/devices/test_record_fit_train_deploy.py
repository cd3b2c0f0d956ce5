"""From a recording to a device on the command line: each command works on what the one before wrote."""

import csv
import hashlib
import json

import pytest
from typer.testing import CliRunner

from livn_gym.cli import app
from livn_gym.device_profile import find
from livn_gym.devices.ledger import read_ledger
from livn_gym.posterior import Posterior

DEVICE = """
title = "An array in the shape of EI2's"
verified = false
sources = ["a test"]
latency_ms = 1.0

[electrodes]
rows = 4
columns = 4
pitch_um = 100.0
unusable = [0]
radius_um = 15.0

[recording]
sampling_hz = 25000.0
uV_per_unit = 0.2
bits = 16
noise_uV = 4.0
threshold_sd = 5.0
refractory_ms = 1.0
highpass_hz = 200.0
waveform_before = 25
waveform_after = 49

[stimulation]
max_amplitude_uA = 15.0
max_phases = 2
min_phase_us = 40.0
phase_step_us = 20.0
max_phase_charge_nC = 3.0
max_total_charge_nC = 6.0
max_rate_hz = 200.0
lead_time_us = 80.0
lead_step_us = 40.0
max_channels = 15
charge_balanced = true

[artefact]
saturation_uV = 6000.0
stimulated_ms = 3.0
others_ms = 1.0
decay_ms = 2.0
"""

TRAINED_STEPS = 64


def call(*arguments):
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, " ".join(done.output.split())


@pytest.mark.slow
@pytest.mark.needs("rl")
def test_a_recording_becomes_an_agent_on_a_device(tmp_path):
    device, recording = tmp_path / "device.toml", tmp_path / "recording.npz"
    fitted, run, session = tmp_path / "fitted", tmp_path / "run", tmp_path / "session"
    device.write_text(DEVICE, encoding="utf-8")

    recorded = ("--duration", 300_000, "--profile", "fast", "--seed", 3, "--probe-sweep", "--out", recording)
    assert call("simulate", "EI2", *recorded)[0] == 0
    assert "network bursts" in call("measure", recording)[1]

    call("fit", recording, "--system", "EI2", "--out", fitted, "--quick")  # exit code 1: no set within the criterion
    posterior = Posterior.read(fitted)
    assert posterior.sets
    assert posterior.recording_sha256 == hashlib.sha256(recording.read_bytes()).hexdigest()

    under_device = ("-o", f"device={device}", "-o", "max_episode_steps=8")
    trained = ("--env", "livn/EI2-v0", "--posterior", fitted, "--agent", "sac", "--steps", TRAINED_STEPS)
    assert call("train", *trained, *under_device, "--out", run)[0] == 0

    code, output = call("deploy", run, "--device", device, "--episodes", 2, "--out", session)
    assert code == 0, output
    with (session / "episodes.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2
    written = json.loads((session / "session.json").read_text(encoding="utf-8"))
    assert written["device_hash"] == find(device).hash
    sent = [event for event in read_ledger(session / "ledger.jsonl") if event["event"] == "sent"]
    channels = {channel for event in sent for command in event["commands"] for channel in command["channels"]}
    assert channels and 0 not in channels
