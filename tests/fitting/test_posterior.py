"""Environments whose episodes draw fitted parameter sets."""

import hashlib
import json

import gymnasium as gym
import numpy as np
import pytest

from livn_gym.envs.provenance import provenance
from livn_gym.errors import CorruptData, InvalidInput
from livn_gym.parameters import tuned
from livn_gym.posterior import POSTERIOR, Posterior
from livn_gym.system import make
from livn_gym.tuning.result import write_params

NOISE, AMPA = "noise-EXC-std_e", "weight-EXC_EXC-hillock-AMPA-weight"
QUICK = {"settle_ms": 400.0, "max_episode_steps": 3}


def sets():
    base = tuned(make("EI2"))
    return [base | {NOISE: 0.61, AMPA: 0.0}, base | {NOISE: 0.6, AMPA: 0.05}, base | {NOISE: 0.64, AMPA: 0.1}]


@pytest.fixture
def folder(tmp_path):
    rows = []
    for number, params in enumerate(sets(), start=1):
        path = tmp_path / f"set-{number:02d}.toml"
        write_params(path, params, {"system": "EI2"}, "A set.")
        rows.append({"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    (tmp_path / POSTERIOR).write_text(json.dumps({"system": "EI2", "recording_sha256": "ab", "sets": rows}))
    return tmp_path


def test_a_folder_is_read(folder):
    posterior = Posterior.read(folder)
    assert posterior.system == "EI2" and posterior.recording_sha256 == "ab" and len(posterior.sets) == 3
    assert posterior.keys == [AMPA, NOISE]
    base = posterior.base
    assert base[NOISE] == 0.61 and 0.0 < base[AMPA] < 1e-9
    for factors, params in zip(posterior.factors(), sets(), strict=True):
        np.testing.assert_allclose([base[key] * f for key, f in zip(posterior.keys, factors, strict=True)],
                                   [params[key] for key in posterior.keys], atol=1e-9)  # fmt: skip


def test_every_episode_draws_a_set(folder, fake):
    with gym.make("livn/EI2-v0", posterior=str(folder), **QUICK) as env:
        seen = set()
        for seed in range(12):
            _, info = env.reset(seed=seed)
            number = int(info["fitted_set"])
            parameters = env.unwrapped.culture.parameters_of(0)
            assert parameters.noise["EXC"].std_e == pytest.approx(sets()[number][NOISE])
            ampa = parameters.weights[AMPA.removeprefix("weight-")]
            assert ampa == pytest.approx(sets()[number][AMPA], abs=1e-9)
            seen.add(number)
        assert seen == {0, 1, 2}
        assert env.reset(seed=3)[1]["fitted_set"] == env.reset(seed=3)[1]["fitted_set"]


def test_environments_of_a_vector_draw_for_themselves(folder, fake):
    envs = gym.make_vec("livn/EI2-v0", num_envs=8, posterior=Posterior.read(folder), **QUICK)
    _, info = envs.reset(seed=0)
    assert len(set(info["fitted_set"])) > 1
    envs.close()


def test_results_of_another_posterior_have_another_hash(folder, fake):
    fitted, generic = (provenance("livn/EI2-v0", options) for options in ({"posterior": str(folder)}, {}))
    assert fitted["params_hash"] != generic["params_hash"] and fitted["params"] == "posterior"
    other = Posterior("EI2", sets()[:2])
    assert provenance("livn/EI2-v0", {"posterior": other})["params_hash"] != fitted["params_hash"]
    assert fitted["task_hash"] == generic["task_hash"]


def test_what_is_no_fit_is_refused(folder, fake, tmp_path_factory):
    with pytest.raises(InvalidInput, match="holds no posterior.json"):
        gym.make("livn/EI2-v0", posterior=str(tmp_path_factory.mktemp("empty")))
    with pytest.raises(InvalidInput, match="leave out params"):
        gym.make("livn/EI2-v0", posterior=str(folder), params={NOISE: 0.6})
    for wrong in (3, "", " "):
        with pytest.raises(InvalidInput, match="must be the folder"):
            gym.make("livn/EI2-v0", posterior=wrong)
    with pytest.raises(InvalidInput, match="There is no folder 'nothing'"):
        gym.make("livn/EI2-v0", posterior="nothing")
    with pytest.raises(InvalidInput, match="use an environment of EI2"):
        gym.make("livn/EI1-v0", posterior=str(folder))
    with pytest.raises(InvalidInput, match="at least one"):
        Posterior("EI2", [])
    (folder / "set-02.toml").write_text("[weights]\n")
    with pytest.raises(CorruptData, match=r"set-02\.toml is not the parameter set"):
        gym.make("livn/EI2-v0", posterior=str(folder))
    (folder / POSTERIOR).write_text("{}")
    with pytest.raises(CorruptData, match="lists no fitted parameter sets"):
        Posterior.read(folder)
