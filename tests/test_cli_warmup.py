"""After ``livn-gym warmup`` nothing needs to be written."""

import pytest
from typer.testing import CliRunner

import livn_gym
from livn_gym import cache as caching
from livn_gym import device_profile, processors
from livn_gym.cli import app
from livn_gym.errors import StorageError
from livn_gym.signals import ChannelObservation
from livn_gym.system import names


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--neuron"]])
def test_a_warm_cache_may_be_read_only(tmp_path, monkeypatch, arguments):
    monkeypatch.setenv("LIVN_GYM_CACHE", str(tmp_path))
    assert CliRunner().invoke(app, ["warmup", *arguments]).exit_code == 0

    def read_only(*_):
        raise StorageError("read-only")

    monkeypatch.setattr(caching, "_locked", read_only)
    for name in names():
        for profile in ("fast", "exact"):
            livn_gym.make(name, profile=profile).close()
    for profile in ("fast", "exact"):
        count = 2 * len(processors.usable())
        with livn_gym.make("EI1", profile=profile, num_cultures=count) as env:
            env.set_noise({"std_e": [0.1 + 0.01 * b for b in range(count)]})
        with livn_gym.make("EI1", profile=profile) as env:
            env.enable_plasticity().run(1)
    for profile, dt in (("fast", None), ("exact", None), ("fast", 0.04)):
        with livn_gym.make("EI3", profile=profile, dt=dt).record_spikes() as env:
            ChannelObservation(env, device_profile.find("cl1")).observe(env.run(1))
    if arguments:
        livn_gym.make("EI1", backend="neuron").close()
