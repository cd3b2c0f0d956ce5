"""Folders of frames: what is written is what a sorter reads."""

import json

import numpy as np
import pytest
from probeinterface import read_probeinterface
from signals.conftest import culture, device

from livn_gym.errors import InvalidInput
from livn_gym.signals import ElectrodeSignals, write_frames


def test_a_folder_holds_the_usable_channels(tmp_path):
    env = culture().record_spikes().init()
    profile = device(env, unusable=[2, 15])
    signals = ElectrodeSignals(env, profile, 1)
    parts = [signals.frames(env.run(20.0))[0] for _ in range(3)]
    write_frames(tmp_path / "minute", iter(parts), profile, env.system.electrodes + 5.0)
    description = json.loads((tmp_path / "minute/frames.json").read_text())
    raw = np.fromfile(tmp_path / "minute/frames.raw", dtype="<i2").reshape(-1, description["num_channels"])
    kept = [c for c in range(16) if c not in (2, 15)]
    np.testing.assert_array_equal(raw, np.concatenate(parts)[:, kept])
    assert description["num_frames"] == 1500 and description["gain_to_uV"] == 0.195
    assert description["channel_ids"] == [str(c) for c in kept]
    (probe,) = read_probeinterface(tmp_path / "minute/probe.json").probes
    np.testing.assert_allclose(probe.contact_positions[:, :2], env.system.electrodes[kept, :2] + 5.0)
    assert list(probe.device_channel_indices) == list(range(14))


def test_what_is_no_frames_leaves_no_folder(tmp_path):
    env = culture()
    profile = device(env)
    for wrong, match in (([np.zeros((5, 16))], "int16"), ([np.zeros((5, 3), np.int16)], "int16"), ([], "no frames")):
        with pytest.raises(InvalidInput, match=match):
            write_frames(tmp_path / "minute", wrong, profile)
    with pytest.raises(InvalidInput, match="coordinates_um must be"):
        write_frames(tmp_path / "minute", [np.zeros((5, 16), np.int16)], profile, np.zeros((3, 3)))
    assert not list(tmp_path.iterdir())
