"""``livn-gym measure``: recordings of livn_gym and of other programs, as a table, as JSON and as a page."""

import json
from pathlib import Path

import foreign
import numpy as np
import pytest
from commands import PNG, caller, row

from livn_gym import tuning
from livn_gym.formats import ChannelSpikes, Session
from livn_gym.tuning import CHANNEL_MEASURES, measure_channels


@pytest.fixture
def run(monkeypatch, tmp_path):
    return caller(monkeypatch, tmp_path)


def test_a_simulated_recording_is_measured_and_drawn(run):
    run("simulate", "EI2", "--duration", 12000, "--settle", 0, "--seed", 5, "--out", "s.npz")
    code, out, err = run("measure", "s.npz", "--figure", "page.png", "--out", "m.json")
    assert (code, err) == (0, "")
    values = measure_channels(ChannelSpikes.of_session(Session.load("s.npz")))
    saved = json.loads(Path("m.json").read_text())["s"]
    assert saved["measures"] == {name: None if np.isnan(value) else value for name, value in values.items()}
    assert saved["pulses"] == 0 and saved["duration_ms"] == 12_000.0 and len(saved["sha256"]) == 64
    assert row(out, "spontaneous rate per channel (Hz)")[1] == f"{values['rate_hz']:.3g}"
    assert row(out, "spikes evoked per 100 channels")[1] == "-", "nothing was stimulated"
    assert "spontaneous part 12.0 s" in out and Path("page.png").read_bytes().startswith(PNG)


def test_ctrl_c_while_the_page_is_drawn_leaves_no_file(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "channel_page", interrupted)
    Path("a.csv").write_text("t_ms,channel\n" + "".join(f"{10 * k},{k % 6}\n" for k in range(2000)))
    code, out, err = run("measure", "a.csv", "--figure", "page.png", "--out", "m.json")
    assert code == 130 and "2,000 spikes" in out and "nothing was written" in err
    assert not Path("page.png").exists() and not Path("m.json").exists()


def test_recordings_of_other_programs_are_compared(run):
    frames = np.sort(np.random.default_rng(0).integers(0, 25_000, 500))
    foreign.cl1(Path("a.h5"), frames, np.arange(500) % 60, stims=())
    rows = "".join(f"{t},{c}\n" for t, c in zip(frames / 25.0, np.arange(500) % 60, strict=True))
    Path("b.csv").write_text("t,channel\n" + rows)
    for name in ("a.h5", "b.csv"):
        options = ("--unit", "ms") if name == "b.csv" else ()
        code, out, _ = run("measure", name, *options)
        assert code == 0 and "no spontaneous part" in out and "500 spikes" in out, "one second is too short"
    code, out, _ = run("measure", "a.h5", "a.h5", "--figure", "two.svg")
    assert code == 2 and not Path("two.svg").exists(), "the same recording twice"


def test_the_length_of_a_table_can_be_given(run):
    t = np.sort(np.random.default_rng(0).uniform(0.0, 30.0, 600))
    Path("a.csv").write_text("time_s,electrode\n" + "".join(f"{x:.5f},E{k % 6}\n" for k, x in enumerate(t)))
    Path("b.csv").write_text(Path("a.csv").read_text())
    code, out, _ = run("measure", "a.csv", "b.csv", "--duration", 60000, "--out", "m.json", "--figure", "two.png")
    assert code == 0 and row(out, "spontaneous rate per channel (Hz)")[1:] == ["1.67", "1.67"]
    assert list(json.loads(Path("m.json").read_text())) == ["a", "b"]
    assert len(json.loads(Path("m.json").read_text())["a"]["measures"]) == len(CHANNEL_MEASURES)
    assert Path("two.png").read_bytes().startswith(PNG)


def test_stimuli_come_from_a_table(run):
    t = np.sort(np.random.default_rng(0).uniform(0.0, 40.0, 2000))
    Path("a.csv").write_text("time_s,channel\n" + "".join(f"{x:.5f},{k % 6}\n" for k, x in enumerate(t)))
    rows = "".join(f"{20 + k},{k % 3},{1 + k % 2}\n" for k in range(18))
    Path("stimuli.csv").write_text("time_s,channel,amplitude_uA\n" + rows)
    code, out, _ = run("measure", "a.csv", "--stimuli", "stimuli.csv")
    assert code == 0 and "18 pulses" in out and row(out, "slope of evoked spikes (/uA)")[1] != "-"
    Path("none.csv").write_text("time_s,channel,amplitude_uA\n")
    code, out, _ = run("measure", "a.csv", "--stimuli", "none.csv")
    assert code == 0 and "0 pulses" in out and "evoked part is not identified: the recording has no stimuli" in out
    Path("few.csv").write_text("time_s,channel,amplitude_uA\n20,1,3\n")
    code, out, _ = run("measure", "a.csv", "--stimuli", "few.csv")
    assert code == 0 and "not identified: it has 1 pulse" in out and "at least 10" in out
    code, _, err = run("measure", "a.csv", "b.csv", "--stimuli", "stimuli.csv")
    assert code == 2 and "single recording" in err
    Path("stimuli.csv").write_text("time_s,channel\n1,A7\n")
    for command in ("measure", "fit"):
        code, _, err = run(command, "a.csv", "--stimuli", "stimuli.csv")
        assert code == 2 and "'A7'" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.h5",), "no file"),
        (("a.csv",), "give unit"),
        (("a.csv", "--unit", "ms", "--figure", "page.txt"), "--figure must end"),
        (("a.csv", "--unit", "ms", "--out", "nowhere/m.json"), "no folder"),
        (("a.csv", "--unit", "years"), "one of s, ms"),
        (("a.csv", "--format", "cvs"), "csv"),
        (("a.csv", "a.csv", "a.csv"), "one recording or two"),
        (("a.csv", "--unit", "ms", "--duration", "-5"), "duration_ms"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(run, arguments, words):
    Path("a.csv").write_text("t,channel\n1,2\n")
    code, out, err = run("measure", *arguments)
    assert code == 2 and out == "" and words in err and err.count("\n") == 1
