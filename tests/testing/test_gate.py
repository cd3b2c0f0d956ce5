"""The gate on tasks and cultures of which it is known whether they need the network."""

import inspect
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import use_poisson_backend
from gymnasium import spaces

from livn_gym.agents.baselines import Constant
from livn_gym.agents.reference_agents import AgentFamily, Budget
from livn_gym.envs.tasks import Task
from livn_gym.errors import CorruptData, InvalidInput, NonConforming, UnknownOption
from livn_gym.testing import GateResult, gate, gate_files, network_gate
from livn_gym.testing.gate_agents import AtRandomTimes
from livn_gym.testing.gate_result import Arm, Criterion, Panel
from livn_gym.testing.gate_rules import GateRules, rules_of
from livn_gym.testing.gate_statistics import Interval, difference, mean_interval, ratio

SHORT = {"system": "EI1", "settle_ms": 400.0, "max_episode_steps": 10}
SEARCH = {"short": True, "budget": Budget(2, 1, 2)}
ONE = SEARCH | {"blankings": [(3.0, 3.0)]}


class FireMuch(Task):
    """The reward is the mean rate."""

    observation_space = spaces.Box(0.0, 1.0, (1,), np.float32)

    def reset(self, rng):
        self.value = 0.0

    def after_step(self, measurement):
        self.value = measurement.rate_hz

    @property
    def reward(self):
        return self.value

    def observe(self, measurement):
        return np.zeros(1)

    def info(self, measurement):
        return {}


class GiveCharge(FireMuch):
    """The reward is the charge, for which no culture is needed."""

    gate = {"floor": 1.0}

    def after_step(self, measurement):
        self.value = measurement.charge_fraction


class FireLater(FireMuch):
    """The reward is the mean rate of the window that the decoding reads."""

    def after_step(self, measurement):
        self.value = float(measurement.features.mean())


@pytest.fixture
def network(monkeypatch):
    """Cultures whose response needs synapses."""
    use_poisson_backend(monkeypatch, "NetworkBackend")


def test_a_task_that_needs_the_network_passes(network):
    result = network_gate(FireMuch, **SEARCH, **SHORT)
    assert result.check() is result and result.passed and result.verdict == "passed" and not result.reasons
    assert result.share.value > 0.95 and [panel.blank_ms for panel in result.panels] == [(3.0, 3.0), (5.0, 5.0)]
    for panel in result.panels:
        means = {name: arm.mean for name, arm in panel.arms.items()}
        assert means["R"] > 2 * means["S"]
        assert abs(means["poisson"] - means["S_poisson"]) < 0.1 * (means["R"] - means["S"])
        assert all(len(arm.returns) == 4 for arm in panel.arms.values())
    assert result.provenance["params"] == "EI1" and result.provenance["task"] == "fire_much"


def test_silence_is_played_once_since_blanking_does_not_change_it(network):
    both = network_gate(FireMuch, **SEARCH, **SHORT)
    alone = network_gate(FireMuch, **SEARCH | {"blankings": [(5.0, 5.0)]}, **SHORT)
    for name in ("S", "S_cut", "S_poisson"):
        assert both.panels[1].arms[name] == both.panels[0].arms[name] == alone.panels[0].arms[name]


class FireAsCalibrated(FireMuch):
    """The reward is the rate relative to one that is measured under stimulation, and hence under the blanking."""

    @property
    def calibration(self):
        return self.setup.commands.high[None]

    def calibrated(self, measurements):
        return measurements[0].rate_hz

    def after_step(self, measurement):
        self.value = measurement.rate_hz - self.setup.calibrated


def test_silence_is_played_again_where_a_calibration_depends_on_blanking(network):
    both = network_gate(FireAsCalibrated, **SEARCH, **SHORT)
    alone = network_gate(FireAsCalibrated, **SEARCH | {"blankings": [(5.0, 5.0)]}, **SHORT)
    assert both.panels[1].arms["S"] == alone.panels[0].arms["S"] != both.panels[0].arms["S"]


@pytest.mark.parametrize(("task", "shared"), [(FireLater, True), (FireMuch, False)])
def test_a_panel_that_blanking_does_not_reach_is_played_once(network, task, shared):
    """FireMuch is scored on all spikes, so that its panels differ although the decoding reads a late window."""
    encoding = {"name": "pulse_amplitude", "max_amplitude_uA": 15.0, "rate_hz": 5.0}  # one pulse per step
    options = SHORT | {"encoding": encoding, "decoding": {"name": "evoked_rates", "window_ms": [20.0, 100.0]}}
    parts = []
    both = network_gate(task, **SEARCH, **options, report=lambda part, done: parts.append(part))
    alone = network_gate(task, **SEARCH | {"blankings": [(5.0, 5.0)]}, **options)
    assert ("blanked 5, 5 ms: X1" not in parts) is shared
    assert (both.panels[1].arms == both.panels[0].arms) is shared
    if shared:
        assert both.panels[1] == alone.panels[0]


def test_a_response_of_the_field_alone_fails(monkeypatch):
    use_poisson_backend(monkeypatch)  # it responds to charge whatever the weights are
    result = network_gate(FireMuch, **SEARCH, **SHORT)
    with pytest.raises(AssertionError, match=r"does not need the network: blanked 3, 3 ms: .*S_cut\) / \(R - S\)"):
        result.check()
    assert result.verdict == "FAILED" and result.share.value < 0.05


def test_a_task_that_needs_no_culture_fails_and_says_what_it_lacks(network):
    result = network_gate(GiveCharge, **ONE, **SHORT)
    failed = [criterion.name for criterion in result.panels[0].criteria if not criterion.passed]
    assert failed == [f"upper 95 % bound of ({x}) / (R - S)" for x in ("X1 - S_cut", "poisson - S_poisson")]
    assert result.panels[0].criteria[1].limit == 1.0
    without = network_gate(GiveCharge, **ONE, **SHORT, floor=0.0)
    assert any("needs a floor" in reason for reason in without.reasons)
    assert any("floor, is" in reason for reason in network_gate(GiveCharge, **ONE, **SHORT, floor=99.0).reasons)


def test_the_same_call_takes_a_class_a_path_and_an_id_and_gives_the_same_every_time(network, tmp_path):
    path = tmp_path / "own.py"
    head = "import numpy as np\nfrom gymnasium import spaces\nfrom livn_gym.envs.tasks import Task\n\n\n"
    path.write_text(head + inspect.getsource(FireMuch))
    first = network_gate(f"{path}:FireMuch", **ONE, **SHORT)
    again = network_gate({"name": FireMuch}, **ONE, **SHORT)
    by_id = network_gate("livn/Culture-v0", task=FireMuch, **ONE, **SHORT)
    assert first.panels == again.panels == by_id.panels
    assert by_id.name == "livn/Culture-v0" and again.name == "FireMuch"


def test_agents_of_the_user_are_the_only_ones(network):
    family = AgentFamily("half", lambda: Constant(0.5))
    result = network_gate(FireMuch, agents=[family], **ONE, **SHORT)
    assert result.panels[0].arms["R"].agent == "half" and result.protocol["families"] == ["half"]


def test_an_exempt_system_is_measured_and_does_not_fail(monkeypatch):
    use_poisson_backend(monkeypatch)
    result = network_gate("livn/EI1-v0", **ONE, settle_ms=400.0, max_episode_steps=5)
    assert result.verdict == "exempt" and not result.passed and "one electrode" in result.exempt
    assert result.check() is result and "Exempt: " in result.markdown()


def test_wrong_input_is_refused_at_the_door(network):
    with pytest.raises(InvalidInput, match="CartPole-v1"):
        network_gate("CartPole-v1")
    with pytest.raises(InvalidInput, match="id of an environment, or a task"):
        network_gate(system="EI2")
    with pytest.raises(InvalidInput, match="given twice"):
        network_gate(FireMuch, task="rate_tracking")
    with pytest.raises(InvalidInput, match="episodes"):
        network_gate(FireMuch, episodes=1)
    with pytest.raises(UnknownOption, match="spatail"):
        rules_of(type("Wrong", (FireMuch,), {"gate": {"spatail": True}}))


def test_rules_come_from_the_config_the_class_and_the_call():
    assert rules_of("pong").spatial and rules_of("burst_suppression").bursts == "bursts"
    assert rules_of(GiveCharge) == GateRules(floor=1.0)
    assert rules_of(GiveCharge, floor=None, spatial=True) == GateRules(floor=1.0, spatial=True)
    assert rules_of("rate_tracking").exemption("EI1") and not rules_of("rate_tracking").exemption("EI2")
    assert GateRules(exempt={"*": "all"}).exemption("EI2") == "all"


def test_statistics():
    rng = np.random.default_rng(3)
    whole = rng.normal(10.0, 1.0, 16)
    exact = ratio((0.1 * whole).tolist(), whole.tolist())
    assert (exact.value, exact.low, exact.high) == pytest.approx((0.1, 0.1, 0.1))
    shifted = difference((whole + 2.0).tolist(), whole.tolist())
    assert (shifted.value, shifted.low, shifted.high) == pytest.approx((2.0, 2.0, 2.0))
    assert ratio([1.0, 1.0], [1.0, -3.0]).high == math.inf  # where silence wins, nothing is a small share
    covered = 0
    for seed in range(200):  # the interval of a mean holds it in about 95 of 100 samples, somewhat less for small ones
        found = mean_interval(np.random.default_rng(seed).normal(0.0, 1.0, 16).tolist())
        covered += found.low <= 0.0 <= found.high
    assert 170 <= covered <= 200


def arms(**means):
    """Arms of four episodes with these means, and a spread of 1 that all share."""
    noise = np.array([-1.0, 0.0, 0.0, 1.0])
    return {name: Arm("agent", "culture", tuple((mean + noise).tolist())) for name, mean in means.items()}


FOUR = {"S": 0.0, "R": 10.0, "S_cut": -5.0, "X1": -6.0, "X2": -4.0, "S_poisson": 0.0, "poisson": -3.0}


@pytest.mark.parametrize(
    ("rules", "changed", "failed"),
    [
        (GateRules(), {}, []),
        (GateRules(), {"R": 1.5}, [1]),  # above silence, but not by twice its spread of 0.8
        (GateRules(), {"X2": -3.0}, [2]),  # 0.2 of the gain is left
        (GateRules(), {"poisson": 2.0}, [3]),
        (GateRules(spatial=True), {"S_shuffled": 0.0, "shuffled": 2.9}, []),
        (GateRules(spatial=True), {"S_shuffled": 0.0, "shuffled": 3.1}, [4]),
    ],
)
def test_every_bound_of_a_score(rules, changed, failed):
    given = FOUR | changed
    if changed.get("R"):
        given |= {"X2": -5.0}
    criteria = gate._criteria(arms(**given), rules)
    assert [k for k, criterion in enumerate(criteria) if not criterion.passed] == failed


def test_every_bound_of_a_task_that_suppresses_bursts():
    given = arms(S=-50.0, R=-20.0, S_cut=-1.0, random_times=-30.0)
    none = given | {"S_cut": replace(given["S_cut"], bursts=(0.0,) * 4)}
    assert all(criterion.passed for criterion in gate._burst_criteria(none))
    some = given | {"S_cut": replace(given["S_cut"], bursts=(0.0, 0.0, 1.0, 0.0))}
    assert not gate._burst_criteria(some)[0].passed
    alike = none | {"random_times": none["R"]}
    assert [criterion.passed for criterion in gate._burst_criteria(alike)] == [True, True, False]


def test_random_times_give_the_same_charge_on_each_channel_in_few_steps():
    space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    env = SimpleNamespace(action_space=space)
    actions = [np.array([0.2, -1.0], np.float32)] * 10  # 0.6 of the charge, and none
    played = []
    for seed in (1, 2):
        agent = AtRandomTimes(actions, seed)
        agent.reset(env, {})
        played.append(np.array([agent.act(None, {}) for _ in actions]))
        assert space.contains(played[-1][0])
        np.testing.assert_allclose((played[-1] + 1.0).sum(axis=0) / 2.0, [6.0, 0.0], atol=1e-5)
        assert np.isclose(played[-1][:, 0], 1.0).sum() == 6
    assert not np.array_equal(*played)


def test_a_result_with_a_class_that_has_no_reference_is_saved(tmp_path):
    class Mine(FireMuch):
        pass

    options = {"task": Mine, "encoding": object(), "system": "EI1", "bands": np.array([[1.0, 2.0]]), "n": np.int64(3)}
    replace(result_with(Criterion("x", 1.0, 0.0, True)), protocol={"options": options}).save(tmp_path / "a.json")
    saved = GateResult.load(tmp_path / "a.json").protocol["options"]
    assert saved["task"] == f"{__name__}.{Mine.__qualname__}" and saved["system"] == "EI1"
    assert saved["encoding"] == "builtins.object"
    assert (saved["bands"], saved["n"]) == ([[1.0, 2.0]], 3)


def result_with(criterion):
    panel = Panel((3.0, 1.0), arms(**FOUR), (criterion,), Interval(0.9, 0.8, 1.0))
    return GateResult("x/Y-v0", {"params": "EI2"}, {"episodes": 4}, (panel,), wall_s=1.0)


def test_a_result_survives_its_file(tmp_path):
    result = result_with(Criterion("upper bound", math.inf, 0.15, False))
    result.save(tmp_path / "a.json")
    assert "Infinity" not in (tmp_path / "a.json").read_text()
    back = GateResult.load(tmp_path / "a.json")
    assert back == result and back.reasons == ["blanked 3, 1 ms: upper bound is inf, must be at most 0.15"]
    assert "| x/Y-v0 | 3, 1 | 10.0 (9.2 to 10.8) |" in result.markdown()
    assert "90 % (80 to 100)" in result.markdown()
    (tmp_path / "a.json").write_text('{"format": 1, "panels": []}')
    with pytest.raises(CorruptData, match="no result of the gate"):
        GateResult.load(tmp_path / "a.json")
    with pytest.raises(NonConforming, match="x/Y-v0 does not need the network"):
        result.check()


def test_results_are_bound_to_parameters_task_and_protocol(network, tmp_path):
    options = SHORT | {"max_episode_steps": 2}
    (first,) = gate_files.measure([FireMuch], tmp_path, short=True, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["FireMuch.json"]
    assert gate_files.stored(tmp_path, FireMuch, 4, options) == first
    (again,) = gate_files.measure([FireMuch], tmp_path, short=True, **options)
    assert again.wall_s == first.wall_s  # read, not measured
    for other in ({"params": {"noise-EXC-std_e": 1.0}}, {"step_ms": 100.0}):
        assert gate_files.stored(tmp_path, FireMuch, 4, options | other) is None
    assert gate_files.stored(tmp_path, FireMuch, 16, options) is None
    (read,) = gate_files.read(tmp_path)
    assert read == first and "| FireMuch | 3, 3 |" in gate_files.page_table([read])
    mixed = replace(first, provenance=first.provenance | {"params_hash": "another"})
    with pytest.raises(InvalidInput, match="would mix results"):
        gate_files.page_table([first, mixed])
