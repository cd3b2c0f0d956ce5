"""Stimuli in files."""

import numpy as np
import pytest
from gymnasium import spaces

from livn_gym.encoding import Replay, load_stimulus, make, save_stimulus
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.pulses import Pulses
from livn_gym.stimulus import Stimulus

STIMULI = {
    "array": Stimulus(np.arange(12.0).reshape(4, 3), 0.5),
    "batch": Stimulus(np.zeros((2, 4, 3)), 0.5, "electrode"),
    "conductance": Stimulus(np.ones((4, 3)), 0.5, "conductance", reversal_mV=-70.0),
    "train": Stimulus.pulse_train([1.0, 0.0, 15.0], duration_ms=100, recovery_ratio=3),
    "trains": Stimulus.pulse_train([[1.0, 0.0, 2.0], [3.0, 4.0, 5.0]], duration_ms=100, rate_hz=10),
    "silence": Stimulus.pulse_train(np.zeros(3), duration_ms=100),
}


def assert_same(first, second):
    for name in ("mode", "reversal_mV", "dt", "duration_ms", "num_columns", "num_cultures"):
        assert getattr(first, name) == getattr(second, name), name
    for b in range(first.num_cultures or 1):
        a, c = first[b].schedule(0.025), second[b].schedule(0.025)
        for name in ("step", "column", "value"):
            np.testing.assert_array_equal(getattr(a, name), getattr(c, name))


@pytest.mark.parametrize("name", STIMULI)
def test_a_stimulus_goes_to_a_file_and_back_bit_for_bit(tmp_path, name):
    save_stimulus(STIMULI[name], tmp_path / "stimulus.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["stimulus.npz"]
    assert_same(STIMULI[name], load_stimulus(tmp_path / "stimulus.npz"))


def test_replay_gives_the_files_stimulus_at_every_call(tmp_path, env, batch):
    save_stimulus(STIMULI["train"], tmp_path / "train.npz")
    encoding = make("replay", path=tmp_path / "train.npz")
    assert encoding.action_space(env) == spaces.Discrete(1)
    assert_same(encoding(env, 100.0), STIMULI["train"])
    assert_same(encoding(batch, 200.0, np.zeros(2, int)), STIMULI["train"])
    assert_same(encoding(env, 100.0, encoding.action_space(env).sample()), STIMULI["train"])


def test_replay_refuses_what_does_not_fit(tmp_path, env, batch):
    for name, stimulus in STIMULI.items():
        save_stimulus(stimulus, tmp_path / f"{name}.npz")
    with pytest.raises(InvalidInput, match="train.npz lasts 100 ms, longer than the run of 50 ms"):
        Replay(tmp_path / "train.npz")(env, 50.0)
    with pytest.raises(InvalidInput, match="is for 2 cultures, the Env has 1"):
        Replay(tmp_path / "trains.npz")(env, 100.0)
    assert Replay(tmp_path / "trains.npz")(batch, 100.0).num_cultures == 2
    with pytest.raises(InvalidInput, match="Replay takes no inputs .None or 0., got 1"):
        Replay(tmp_path / "train.npz")(env, 100.0, 1)
    env.electrodes.num_channels = 4
    with pytest.raises(InvalidInput, match="is for 3 channels, the Env has 4"):
        Replay(tmp_path / "train.npz")(env, 100.0)
    assert Replay(tmp_path / "array.npz")(env, 100.0).mode == "current", "its columns are neurons"


def closely():
    """Two pulses of one channel 4 ms apart."""
    zeros = np.zeros(2, int)
    return Stimulus.from_pulses(
        Pulses(zeros, zeros, np.array([0.0, 4.0]), np.zeros(2), np.full(2, 0.2), np.array([1.0, -1.0])),
        num_columns=3,
        duration_ms=10,
    )


@pytest.mark.parametrize(
    ("stimulus", "message"),
    [
        (Stimulus.pulse_train([0, 0, 15.1], duration_ms=50), "Channel 2 of culture 0 reaches 3.02 nC as a phase"),
        (
            Stimulus.pulse_train([[0, 1], [0, 4]], duration_ms=200, shape="monophasic"),
            "Channel 1 of culture 1 reaches 3.2 nC as a phase",
        ),
        (closely(), "Two pulses of a channel are 4 ms apart; the minimum is 5 ms"),
        (Stimulus([[10.0], [10.0]], 0.2, "electrode"), "reaches 4 nC as a phase"),
    ],
)
def test_stimuli_beyond_the_limits_are_refused_unless_these_are_lifted(tmp_path, stimulus, message):
    save_stimulus(stimulus, tmp_path / "much.npz")
    with pytest.raises(InvalidInput, match=message):
        Replay(tmp_path / "much.npz")
    assert_same(Replay(tmp_path / "much.npz", max_charge_nC=None).stimulus, stimulus)


def test_the_limits_allow_what_the_pulse_encodings_make(tmp_path):
    most = Stimulus.pulse_train(np.full((2, 16), 15.0), duration_ms=200, rate_hz=200)
    save_stimulus(most, tmp_path / "most.npz")
    assert_same(Replay(tmp_path / "most.npz").stimulus, most)


def test_values_per_neuron_have_no_charge_limit(tmp_path):
    save_stimulus(Stimulus(np.full((4, 3), 1e3), 1.0), tmp_path / "current.npz")
    assert Replay(tmp_path / "current.npz").stimulus.mode == "current"


def test_a_stimulus_behind_electrodes_is_not_saved(tmp_path):
    with pytest.raises(InvalidInput, match="passed through electrodes"):
        save_stimulus(STIMULI["train"].with_gain(np.ones((5, 3)), "extracellular"), tmp_path / "s.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    save_stimulus(STIMULI["train"], path)

    def fail(file, **content):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        save_stimulus(STIMULI["array"], path)
    assert [file.name for file in tmp_path.iterdir()] == ["s.npz"]
    assert_same(load_stimulus(path), STIMULI["train"])


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(InvalidInput, match="There is no file"):
        Replay(tmp_path / "none.npz")


def test_damaged_and_other_files_are_refused(tmp_path):
    good, path = tmp_path / "good.npz", tmp_path / "bad.npz"
    save_stimulus(STIMULI["array"], good)
    whole = good.read_bytes()
    with np.load(good) as file:
        content = dict(file)
    for data in (b"", b"not a zip", whole[:-30], whole[: len(whole) // 2], whole[:100] + b"\xff" * 20 + whole[120:]):
        path.write_bytes(data)
        with pytest.raises(CorruptData, match="bad.npz is no stimulus file"):
            load_stimulus(path)
    np.save(tmp_path / "plain.npy", np.zeros(3))
    path.write_bytes((tmp_path / "plain.npy").read_bytes())
    with pytest.raises(CorruptData, match="is no stimulus file"):
        load_stimulus(path)
    for change in ({"format": 2}, {"mode": "electric"}, {"array": np.full((2, 2), np.nan)}, {"dt": -1.0}):
        np.savez(path, **content | change)
        with pytest.raises(CorruptData, match="is no stimulus file"):
            load_stimulus(path)
    for missing in ("dt", "mode", "format"):
        np.savez(path, **{k: v for k, v in content.items() if k != missing})
        with pytest.raises(CorruptData, match=f"KeyError.*{missing}"):
            load_stimulus(path)
    np.savez(path, **content | {"array": np.array([{"code": 1}])}, allow_pickle=True)
    with pytest.raises(CorruptData, match="is no stimulus file"):
        load_stimulus(path)
