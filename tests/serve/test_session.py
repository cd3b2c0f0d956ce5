"""The loop behind the live view, on the Poisson fake."""

import threading
import time

import gymnasium as gym
import numpy as np
import pytest
from fakes import PoissonBackend

from livn_gym.agents.baselines import Constant
from livn_gym.agents.train import train
from livn_gym.encoding import PulseAmplitude
from livn_gym.env import Env
from livn_gym.envs.conditions import ConditionedRun
from livn_gym.errors import BackendError, ClosedError, InvalidInput, UnknownName
from livn_gym.serve import frames, messages
from livn_gym.serve.agent_catalog import BASELINES, AgentCatalog, catalog_for
from livn_gym.serve.manual import ManualPulses, ManualStimulation
from livn_gym.serve.session import MAX_WAITING, LiveSession
from livn_gym.stimulus import Stimulus
from livn_gym.system import make

SHORT = {"settle_ms": 400.0, "max_episode_steps": 12}


def do(session, *commands):
    """Carry out commands in turn; the last one's note."""
    return [session.submit(command).result(60) for command in commands][-1]


def settled(session):
    """The view once the first episode has begun."""
    do(session, messages.Pause())
    return session.view


def test_steps_are_those_of_the_environment(session):
    settled(session)
    env = gym.make("livn/EI2-v0", **SHORT)
    observation, info = env.reset(seed=3)
    agent = Constant(0.3)
    agent.reset(env, info)
    rewards = []
    for _ in range(5):
        do(session, messages.Step())
        rewards.append(env.step(agent.act(observation, info))[1])
    view = session.view
    assert (view.status, view.step, view.episode) == ("paused", 5, 1)
    assert [step.reward for step in view.steps][-5:] == rewards
    assert view.total_reward == pytest.approx(sum(rewards), rel=1e-12)
    ours, theirs = view.steps[-1].measurement.recording, env.unwrapped.measurement.recording
    assert np.array_equal(ours.spike_gid, theirs.spike_gid) and np.array_equal(ours.spike_t, theirs.spike_t)
    env.close()


def test_an_episode_ends_and_the_next_trial_begins(session):
    settled(session)
    do(session, *[messages.Step()] * 12)
    view = session.view
    assert (view.episode, view.step, view.total_reward) == (2, 0, 0.0)
    assert view.last_return < 0
    # settling is shown, and its number does not follow, so that a page begins anew
    assert [step.reward for step in view.steps] == [None, None]
    assert [step.measurement.time_ms for step in view.steps] == [-200.0, 0.0]


def test_reset_with_a_seed_repeats_the_episode(session):
    settled(session)
    seen = []
    for seed in (11, 11, 12):
        do(session, messages.Reset(seed), messages.Step(), messages.Step())
        seen.append([step.reward for step in session.view.steps])
        assert (session.view.seed, session.view.step) == (seed, 2)
    assert seen[0] == seen[1] != seen[2]


def test_resume_runs_and_pause_stops(session):
    settled(session)
    do(session, messages.Resume())
    while session.view.episode < 3:
        time.sleep(0.01)
    assert session.view.status in ("running", "settling")
    do(session, messages.Pause())
    version = session.view.version
    time.sleep(0.05)
    assert (session.view.version, session.view.status) == (version, "paused")


def test_pace_is_kept_between_steps_and_commands_do_not_wait_for_it(session):
    settled(session)
    do(session, messages.Speed(0.01), messages.Resume())  # a step in 20 s
    steps = session.view.step
    do(session, messages.Stimulate((3,), 5.0, 4))  # would take 20 s if it waited, and the test's 60 s run out at four
    do(session, messages.Stimulate((4,), 5.0, 4), messages.Speed(0.02), messages.Pause())
    assert session.view.step <= steps + 2
    assert session.view.speed == 0.02


def test_pulses_by_hand_reach_the_culture_for_their_steps(session):
    settled(session)
    do(session, messages.ChangeAgent("silent"), messages.Stimulate((2, 9), 10.0, 2))
    assert session.view.held == {2: 10.0, 9: 10.0}
    charges = []
    for _ in range(3):
        do(session, messages.Step())
        charges.append(session.view.steps[-1].measurement.charge_nC)
    expected = np.zeros(16)
    expected[[2, 9]] = 4 * 2 * 10.0 * 0.2  # pulses, phases, uA, ms
    assert np.allclose(charges, [expected, expected, np.zeros(16)], rtol=1e-12)
    assert session.view.held == {}


def test_an_amplitude_of_zero_and_a_reset_end_pulses_by_hand(session):
    settled(session)
    do(session, messages.Stimulate((2, 3), 10.0, 100), messages.Stimulate((2,), 0.0, 1))
    assert session.view.held == {3: 10.0}
    do(session, messages.Reset(None))
    assert session.view.held == {}


def test_channels_that_do_not_exist_are_refused(session):
    settled(session)
    with pytest.raises(InvalidInput, match=r"0 \.\.\. 15, got 16"):
        do(session, messages.Stimulate((1, 16), 10.0, 1))
    assert session.view.held == {}


def test_the_hand_takes_a_channel_from_the_agent_and_leaves_the_others():
    with Env(make("EI2"), backend="native").init() as env:
        agent = PulseAmplitude()(env, 200.0, np.zeros(16))  # 7.5 uA everywhere
        requests = ManualPulses()
        condition = ManualStimulation(env, requests=requests)
        run = ConditionedRun(np.array([0]), 200.0, np.array([200.0]))
        assert condition.idle and condition.stimulus(agent, run) is agent
        requests.request([5], 15.0, 1)
        assert not condition.idle
        charge = condition.stimulus(agent, run).charge_nC()
        assert charge[5] == pytest.approx(4 * 2 * 3.0)
        assert np.allclose(np.delete(charge, 5), 4 * 2 * 1.5)
        requests.request([5], 15.0, 1)
        with pytest.raises(InvalidInput, match="pulses"):
            condition.stimulus(Stimulus(np.zeros((4, 16)), 1.0, "electrode"), run)


def test_an_idle_hand_changes_nothing_and_what_comes_after_it_is_as_without(fake):
    plain = gym.make("livn/EI2-v0", **SHORT)
    requests = ManualPulses()
    held = gym.make("livn/EI2-v0", conditions=[{"name": ManualStimulation, "requests": requests}], **SHORT)
    action = np.full(16, -0.4, np.float32)
    with plain, held:
        assert np.array_equal(plain.reset(seed=1)[0], held.reset(seed=1)[0])
        for _ in range(3):
            ours, theirs = held.step(action), plain.step(action)
            assert np.array_equal(ours[0], theirs[0]) and ours[1] == theirs[1]
        requests.request([5], 15.0, 1)
        assert held.step(action)[4]["charge_nC"] > plain.step(action)[4]["charge_nC"]
        assert held.step(action)[4]["charge_nC"] == plain.step(action)[4]["charge_nC"]


def test_another_task_is_another_scene_and_keeps_the_agent(session):
    first = settled(session).scene
    assert do(session, messages.ChangeTask("livn/EI1-v0")) == ""
    view = session.view
    assert (view.scene.env_id, view.scene.number, view.agent) == ("livn/EI1-v0", first.number + 1, "constant")
    assert view.scene.max_steps == 100, "the options were those of the first environment"
    do(session, messages.ChangeTask("livn/EI2-v0"))
    assert session.view.scene.max_steps == 12


def test_an_agent_that_cannot_act_on_a_task_becomes_silent_with_a_word(session):
    settled(session)
    do(session, messages.ChangeAgent("proportional-integral"))
    note = do(session, messages.ChangeTask("livn/EI3-CartPole-v0"))
    assert "follows target_hz" in note and "silent" in note
    assert session.view.agent == "silent"
    with pytest.raises(InvalidInput, match="follows target_hz"):
        do(session, messages.ChangeAgent("on-off"))
    assert session.view.agent == "silent"


@pytest.mark.parametrize(
    "command", [messages.ChangeTask("livn/EI9-v0"), messages.ChangeTask("CartPole-v1"), messages.ChangeAgent("none")]
)
def test_unknown_names_change_nothing(session, command):
    before = settled(session)
    with pytest.raises(UnknownName):
        do(session, command)
    assert (session.view.scene, session.view.agent) == (before.scene, before.agent)
    do(session, messages.Step())
    assert session.view.step == 1


def test_every_baseline_plays(session):
    settled(session)
    for name in BASELINES:
        do(session, messages.ChangeAgent(name, 0.5), messages.Step())
        assert session.view.agent == name
    assert session.view.step == len(BASELINES)


def test_a_step_that_fails_makes_a_pause_that_says_why(session, monkeypatch):
    settled(session)

    def fail(*_):
        raise BackendError("the simulator has gone")

    with monkeypatch.context() as patch:
        patch.setattr(PoissonBackend, "run", fail)
        do(session, messages.Resume())
        while session.view.status != "paused":
            time.sleep(0.01)
        assert session.view.error == "the simulator has gone"
    episode = session.view.episode
    do(session, messages.Step())  # what failed half way cannot continue
    assert (session.view.error, session.view.step, session.view.episode) == ("", 1, episode + 1)


def test_an_error_that_nobody_expects_ends_the_session_and_is_kept(session, monkeypatch):
    settled(session)

    def fail(*_):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(PoissonBackend, "run", fail)
    with pytest.raises(RuntimeError, match="a fault"):
        do(session, messages.Step())
    assert session.wait(10)
    assert isinstance(session.failure, RuntimeError) and session.view.status == "stopped"
    with pytest.raises(ClosedError):
        session.submit(messages.Step())


def test_too_many_waiting_commands_are_refused(session, monkeypatch):
    settled(session)
    go = threading.Event()
    run = PoissonBackend.run
    monkeypatch.setattr(PoissonBackend, "run", lambda *given: (go.wait(30), run(*given))[1])
    first = session.submit(messages.Step())
    while not first.running():
        time.sleep(0.01)
    waiting = [session.submit(messages.Pause()) for _ in range(MAX_WAITING)]
    with pytest.raises(InvalidInput, match="waiting already"):
        session.submit(messages.Pause())
    go.set()
    assert [future.result(30) for future in (first, *waiting)] == [""] * (MAX_WAITING + 1)


def test_leaving_ends_the_thread_and_answers_who_waits(fake):
    session = LiveSession("livn/EI1-v0", AgentCatalog(), paused=True, options=SHORT)
    with session:
        settled(session)
    assert session.wait(0) and session.view.status == "stopped" and session.failure is None
    with pytest.raises(ClosedError):
        session.submit(messages.Pause())


def test_names_are_checked_before_anything_starts():
    with pytest.raises(UnknownName, match="environment"):
        LiveSession("livn/EI2", AgentCatalog())
    with pytest.raises(UnknownName, match="agent"):
        LiveSession("livn/EI2-v0", AgentCatalog(), "pid")
    with pytest.raises(InvalidInput, match="no folder"):
        catalog_for("somewhere")


def test_a_trained_agent_by_its_folder(fake, tmp_path):
    few = {"n_envs": 1, "n_steps": 10, "batch_size": 10, "n_epochs": 1}
    short = {"steps": 10, "evaluations": 1, "eval_episodes": 1, "checkpoint_every": 0}
    train("ppo", "livn/EI1-v0", tmp_path / "td", options=SHORT, changes=few, **short)
    found, name = catalog_for(str(tmp_path / "td"))
    assert name == "ppo (td)" and found.names == (*BASELINES, name)
    with LiveSession("livn/EI1-v0", found, name, paused=True, speed=None, options=SHORT) as session:
        do(session, messages.Step())
        assert session.view.agent == name
        note = do(session, messages.ChangeTask("livn/EI2-v0"))
        assert "trained with observations" in note and session.view.agent == "silent"


def test_a_frame_holds_what_is_new_and_all_of_it_at_first(session):
    settled(session)
    do(session, *[messages.Step()] * 4)
    view = session.view
    header, gid, time_ms, counts = frames.read_frame(frames.frame_message(view))
    assert header["steps"]["number"] == [step.number for step in view.steps]
    assert header["steps"]["reward"][:2] == [None, None]
    recordings = [(step.measurement.recording, step.measurement.time_ms) for step in view.steps]
    assert np.array_equal(gid, np.concatenate([recording.spike_gid for recording, _ in recordings]))
    times = np.concatenate([r.spike_t + end - r.duration_ms for r, end in recordings])
    assert np.allclose(time_ms, times, rtol=0, atol=0.01)  # float32 of seconds in ms
    assert np.array_equal(counts, np.bincount(gid[time_ms > -200.0], minlength=100))  # the last five of six steps
    rates = np.array(header["steps"]["populations"]) @ [0.8, 0.2]
    assert np.allclose(rates, header["steps"]["rate"], atol=0.02)
    assert np.array(header["steps"]["channels"]).shape == (6, 16)
    do(session, messages.Step())
    header, gid, *_ = frames.read_frame(frames.frame_message(session.view, view.steps[-1].number))
    assert header["steps"]["number"] == [view.steps[-1].number + 1]
    assert np.array_equal(gid, session.view.steps[-1].measurement.recording.spike_gid)
    assert header["step"] == 5 and header["charge"] == [0.3] * 16


def test_a_frame_holds_what_the_task_follows_beside_the_rate(fake):
    with LiveSession("livn/EI2-ResponseClamp-v0", AgentCatalog(), "constant", paused=True, options=SHORT) as session:
        settled(session)
        do(session, *[messages.Step()] * 3)
        header, *_ = frames.read_frame(frames.frame_message(session.view))
        last = session.view.steps[-1].info
    assert header["followed"] == "response"
    for name, key in (("measured", "response"), ("goal", "target_response")):
        assert header["steps"][name][-1] == pytest.approx(last[key], abs=1e-4)


def test_the_mean_rate_has_a_trace_anyway():
    assert frames.controlled_quantity({"target_hz": 8.0, "rate_hz": 3.0}) == ""
    assert frames.controlled_quantity({"target_response": 0.5}) == ""  # nothing beside it
    assert frames.controlled_quantity({"target_response": 0.5, "response": 0.2}) == "response"


def test_leaving_does_not_wait_for_a_culture_that_is_being_built(fake, monkeypatch):
    go_on, built, envs = threading.Event(), threading.Event(), []
    make_env = gym.make

    def slow(*arguments, **options):
        built.set()
        assert go_on.wait(60)
        envs.append(make_env(*arguments, **options))
        return envs[-1]

    monkeypatch.setattr(gym, "make", slow)
    session = LiveSession("livn/EI2-v0", AgentCatalog(), options=SHORT)
    with session:
        assert built.wait(60)
    assert not session.wait(0.0)  # left while the build continues
    go_on.set()
    assert session.wait(60) and session.failure is None and session.view.status == "stopped"
    with pytest.raises(ClosedError):
        envs[0].reset()


def test_a_large_culture_shows_a_part_of_its_cells(fake):
    with LiveSession("livn/EI3-v0", AgentCatalog(), paused=True, options=SHORT) as session:
        settled(session)
        _, gid, _, counts = frames.read_frame(frames.frame_message(session.view))
        assert len(counts) == 1000 and counts.sum() > len(gid) > 0
        assert set(gid % 4) == {0}
