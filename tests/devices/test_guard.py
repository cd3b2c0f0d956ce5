"""The guard: what it lets pass, refuses, counts and records, and everything that stops it."""

import threading

import numpy as np
import pytest
from devices.sessions_of_devices import LIMITS, limits_of, pulse, session

from livn_gym.devices.guard import STOP_FILE, Watchdog
from livn_gym.devices.ledger import read_ledger
from livn_gym.errors import BackendError, DeviceStopped, LimitExceeded


def events(tmp_path):
    return [line["event"] for line in read_ledger(tmp_path / "ledger.jsonl")]


def test_a_stimulus_within_all_limits_is_recorded_and_delivered(tmp_path):
    guard, _, device = session(tmp_path, limits_of(tmp_path))
    with guard:
        sent = guard.send(pulse([8, 9], 2.0), 200.0, device.send, start_ms=400.0)
        assert guard.stopped is None and device.halts == 0
    assert device.commands == sent and device.halts == 1  # the end of a session leaves nothing queued
    assert guard.electrode_charge_nC[[8, 9]] == pytest.approx([0.8, 0.8]) and guard.charge_uC == pytest.approx(1.6e-3)
    assert guard.pulses_sent == 2
    opened, line, closed = read_ledger(tmp_path / "ledger.jsonl")
    assert (opened["operator"], opened["culture"], opened["device"]) == ("A. Name", "chip 17", "cl1")
    assert line["event"] == "sent" and line["start_ms"] == 400.0 and line["charge_nC"] == pytest.approx(1.6)
    assert line["commands"] == [
        {"channels": [8, 9], "onset_us": 1000, "phases": [[200, -2.0], [200, 2.0]], "count": 1, "interval_us": 0}
    ]
    assert closed["stopped"] is None and closed["session_charge_uC"] == pytest.approx(1.6e-3)


def test_the_ledger_has_a_stimulus_before_the_device_has_it(tmp_path):
    guard, _, _ = session(tmp_path)
    seen = []
    guard.send(pulse(), 200.0, lambda commands: seen.append((list(commands), events(tmp_path))))
    assert seen[0][1] == ["opened", "sent"]


def test_runs_without_stimulus_send_nothing(tmp_path):
    guard, _, device = session(tmp_path)
    assert guard.send(None, 200.0, device.send) == [] and events(tmp_path) == ["opened"]


def test_a_refusal_sends_nothing_and_stops_the_session(tmp_path):
    guard, _, device = session(tmp_path, limits_of(tmp_path, extra="[stimulation]\nmax_amplitude_uA = 1.5\n"))
    with pytest.raises(LimitExceeded, match="max_amplitude_uA") as refused:
        guard.send(pulse(8, 2.0), 200.0, device.send)
    assert (refused.value.limit, refused.value.channel) == ("max_amplitude_uA", 8)
    assert device.commands == [] and device.halts == 1 and guard.charge_uC == 0.0
    with pytest.raises(DeviceStopped, match="max_amplitude_uA"):
        guard.send(pulse(8, 0.5), 200.0, device.send)
    assert device.commands == [] and events(tmp_path) == ["opened", "refused", "stopped"]


def test_refusals_can_be_counted_instead(tmp_path):
    guard, _, device = session(tmp_path, stop_on_refusal=False)
    for channel in (0, 7):
        with pytest.raises(LimitExceeded, match="usable"):
            guard.send(pulse(channel), 200.0, device.send)
    guard.send(pulse(8), 200.0, device.send)
    assert len(guard.refusals) == 2 and len(device.commands) == 1 and guard.stopped is None


def test_the_rate_holds_across_runs(tmp_path):
    guard, _, device = session(tmp_path, stop_on_refusal=False)
    guard.send(pulse(onset_ms=199.0), 200.0, device.send)
    with pytest.raises(LimitExceeded, match="max_rate_hz"):
        guard.send(pulse(onset_ms=1.0), 200.0, device.send)
    guard.send(None, 200.0, device.send)
    guard.send(pulse(onset_ms=1.0), 200.0, device.send)
    assert len(device.commands) == 2


@pytest.mark.parametrize(
    ("limit", "channels"), [("max_electrode_charge_uC", [8]), ("max_session_charge_uC", [8, 9, 10])]
)
def test_charge_adds_up_over_the_session(tmp_path, limit, channels):
    text = LIMITS.replace("= 1.0", "= 0.01") if limit == "max_session_charge_uC" else LIMITS.replace("0.1", "0.004")
    guard, _, device = session(tmp_path, limits_of(tmp_path, text))
    with pytest.raises(LimitExceeded, match=limit):
        while True:
            guard.send(pulse(channels, 2.0), 200.0, device.send)
    assert len(device.commands) == (4 if limit == "max_session_charge_uC" else 5)
    assert guard.charge_uC == pytest.approx(guard.pulses_sent * 0.8e-3)


def test_a_session_has_a_longest_time(tmp_path):
    guard, clock, device = session(tmp_path, limits_of(tmp_path))
    guard.send(pulse(), 200.0, device.send)
    clock.now_s += 30 * 60 + 1
    guard.send(None, 200.0, device.send)
    with pytest.raises(LimitExceeded, match="max_minutes"):
        guard.send(pulse(), 200.0, device.send)


def test_an_emergency_stop_refuses_everything_until_a_new_session(tmp_path):
    guard, _, device = session(tmp_path)
    guard.stop("emergency stop by the operator")
    guard.stop("again")
    assert device.halts == 2 and guard.stopped == "emergency stop by the operator"
    for stimulus in (pulse(), None):
        with pytest.raises(DeviceStopped, match="emergency stop by the operator.*new session"):
            guard.send(stimulus, 200.0, device.send)
    with pytest.raises(DeviceStopped):
        guard.beat()
    assert device.commands == [] and events(tmp_path) == ["opened", "stopped"]


def test_the_stop_file_is_an_emergency_stop(tmp_path):
    guard, _, device = session(tmp_path, stop_file=tmp_path / STOP_FILE)
    guard.send(pulse(), 200.0, device.send)
    (tmp_path / STOP_FILE).touch()
    with pytest.raises(DeviceStopped, match=STOP_FILE):
        guard.send(pulse(), 200.0, device.send)
    assert len(device.commands) == 1 and device.halts == 1


def test_a_stop_in_the_middle_of_a_delivery_ends_it(tmp_path):
    guard, _, device = session(tmp_path)
    stimulus = pulse([8, 9, 10], onset_ms=1.0)

    def deliver(commands):
        for command in commands:
            device.commands.append(command)
            guard.stop("emergency stop")

    with pytest.raises(DeviceStopped):
        guard.send(stimulus, 200.0, deliver)
    assert len(device.commands) == 1

    def late_stop(commands):
        list(commands)
        other.stop("emergency stop")

    (tmp_path / "other").mkdir()
    other, _, halted = session(tmp_path / "other")
    with pytest.raises(DeviceStopped):
        other.send(stimulus, 200.0, late_stop)
    assert halted.halts == 2  # commands may have arrived after the first one


def test_an_exception_while_sending_stops_the_session(tmp_path):
    guard, _, device = session(tmp_path)

    def deliver(commands):
        raise OSError("cable")

    with pytest.raises(OSError, match="cable"):
        guard.send(pulse(), 200.0, deliver)
    assert device.halts == 1 and "OSError: cable" in guard.stopped


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("agent"), "exception: ZeroDivisionError: agent"),
        (KeyboardInterrupt(), "emergency stop: Ctrl-C"),
        (KeyboardInterrupt("SIGTERM"), "emergency stop: SIGTERM"),
    ],
)
def test_an_exception_in_the_session_stops_it(tmp_path, error, reason):
    guard, _, device = session(tmp_path)
    with pytest.raises(type(error)), guard:
        guard.send(pulse(), 200.0, device.send)
        raise error
    assert device.halts == 1 and guard.stopped == reason
    assert events(tmp_path) == ["opened", "sent", "stopped", "closed"]


def test_a_session_that_has_ended_refuses_everything(tmp_path):
    guard, _, device = session(tmp_path)
    guard.close()
    guard.close()
    with pytest.raises(DeviceStopped, match="it has ended"):
        guard.send(pulse(), 200.0, device.send)
    assert device.commands == [] and events(tmp_path) == ["opened", "closed"]


@pytest.mark.parametrize("late_ms", [20.1, np.inf, np.nan])
def test_a_late_loop_stops_the_session(tmp_path, late_ms):
    guard, _, device = session(tmp_path, limits_of(tmp_path, extra="[watchdog]\nmax_late_ms = 20.0\n"))
    guard.beat(19.9)
    with pytest.raises(DeviceStopped, match="late"):
        guard.beat(late_ms)
    assert device.halts == 1


def test_a_lost_heartbeat_stops_the_session(tmp_path):
    guard, clock, device = session(tmp_path, limits_of(tmp_path, extra="[watchdog]\nheartbeat_ms = 500.0\n"))
    clock.now_s += 10.0
    guard.check()  # the loop has not begun
    guard.beat()
    clock.now_s += 0.4
    guard.beat()
    clock.now_s += 0.4
    guard.check()
    guard.rest()
    clock.now_s += 10.0
    guard.check()  # the loop is not running
    assert guard.stopped is None
    guard.beat()
    clock.now_s += 0.51
    guard.check()
    assert device.halts == 1 and "no heartbeat for 510 ms" in guard.stopped
    with pytest.raises(DeviceStopped, match="heartbeat"):
        guard.send(pulse(), 200.0, device.send)


def test_the_watchdog_halts_the_device_while_the_loop_hangs(tmp_path):
    halted = threading.Event()
    limits = limits_of(tmp_path, extra="[watchdog]\nheartbeat_ms = 20.0\n")
    guard, clock, _ = session(tmp_path, limits, halted.set)
    watchdog = Watchdog(guard)
    watchdog.start()
    guard.beat()
    clock.now_s += 1.0
    assert halted.wait(60.0)  # this thread does nothing meanwhile
    watchdog.close()
    assert "heartbeat" in guard.stopped


def test_a_stop_that_the_device_does_not_confirm_is_said(tmp_path):
    def fails():
        raise OSError("no answer")

    guard, _, device = session(tmp_path, halt=fails)
    with pytest.raises(BackendError, match="switch it off by hand"):
        guard.stop("emergency stop")
    with pytest.raises(DeviceStopped, match="DID NOT CONFIRM"):
        guard.send(pulse(), 200.0, device.send)
    assert read_ledger(tmp_path / "ledger.jsonl")[-1]["halted"] is False
