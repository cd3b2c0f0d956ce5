import gymnasium as gym
import numpy as np
import pytest
from fakes import use_poisson_backend
from gymnasium.vector import AutoresetMode

from livn_gym.agents import BestConstant, Constant, OnOff, ProportionalIntegral, Silent, make_envs, run_episodes
from livn_gym.agents.baselines import NoTarget
from livn_gym.agents.episodes import with_graphs
from livn_gym.agents.evaluate import NAMES, agent_factories, baseline, measure_of, play, score
from livn_gym.envs.provenance import IN_INFO
from livn_gym.errors import InvalidInput, UnknownName

OPTIONS = {"settle_ms": 200.0, "max_episode_steps": 6}


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    use_poisson_backend(monkeypatch)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_an_episode_is_that_of_a_single_environment(mode):
    envs = make_envs("livn/EI2-v0", 3, mode, **OPTIONS)
    agents = [ProportionalIntegral(), Constant(0.3), Silent()]
    episodes = run_episodes(envs, agents, [4, 4, 9])
    envs.close()
    env = gym.make("livn/EI2-v0", **OPTIONS)
    for agent, episode in zip(agents, episodes, strict=True):
        observation, info = env.reset(seed=episode.seed)
        agent.reset(env, info)
        rewards, infos, ended = [], [], False
        while not ended:
            observation, reward, _, ended, info = env.step(agent.act(observation, info))
            rewards.append(reward)
            infos.append(info)
        assert episode.rewards.tolist() == rewards
        assert set(episode.infos) == set(infos[0]) - set(IN_INFO)
        for name in episode.infos:
            assert episode.infos[name].tolist() == [info[name] for info in infos]
        assert episode.total_reward == pytest.approx(sum(rewards))
        assert episode.charge_nC == pytest.approx(sum(info["charge_nC"] for info in infos))
        assert episode.mean("error_hz") == pytest.approx(np.mean([info["error_hz"] for info in infos]))
    env.close()


class Push:
    """Pushes the cart to one side, where the pole falls soon."""

    def __init__(self, side):
        self.side = side

    def reset(self, env, info):
        pass

    def act(self, observation, info):
        return np.int64(self.side if self.side < 2 else observation[2] > 0)


def test_episodes_of_different_lengths_end_where_they_end():
    envs = make_envs("CartPole-v1", 3)
    episodes = run_episodes(envs, [Push(0), Push(2), Push(0)], [1, 2, 3])
    lengths = [len(episode.rewards) for episode in episodes]
    assert lengths[1] > max(lengths[0], lengths[2])
    for side, episode in zip((0, 2, 0), episodes, strict=True):
        (alone,) = run_episodes(make_envs("CartPole-v1", 1), [Push(side)], [episode.seed])
        assert len(alone.rewards) == len(episode.rewards) == episode.total_reward
    assert np.isnan(episodes[0].charge_nC) and np.isnan(episodes[0].mean("error_hz"))


def test_as_many_agents_and_seeds_as_environments():
    envs = make_envs("livn/EI1-v0", 2, **OPTIONS)
    with pytest.raises(InvalidInput, match="2 environments"):
        run_episodes(envs, [Silent()], [1, 2])
    with pytest.raises(InvalidInput, match="autoreset_mode"):
        run_episodes(make_envs("livn/EI1-v0", 1, AutoresetMode.DISABLED, **OPTIONS), [Silent()], [1])


def test_the_best_constant_is_where_the_fake_fires_at_the_target():
    # 3 Hz by itself and 3.6 Hz more at full charge: 4.8 Hz at a strength of 0.5
    best = BestConstant.search(
        "livn/EI2-v0", strengths=5, target_hz=4.8, charge_cost=0.0, settle_ms=1000.0, max_episode_steps=20
    )
    assert best.strength == pytest.approx(0.5, abs=0.05)
    assert len(best.mean_returns) == 9 and best.mean_returns[best.strength] == max(best.mean_returns.values())
    assert {0.0, 0.25, 0.5, 0.75, 1.0} <= best.mean_returns.keys()


def test_a_search_needs_two_strengths():
    with pytest.raises(InvalidInput, match="strengths"):
        BestConstant.search("livn/EI1-v0", strengths=1)


def test_on_off_stimulates_below_the_target_only():
    env = gym.make("livn/EI2-v0", **OPTIONS)
    _, info = env.reset(seed=0)
    agent = OnOff(0.25)
    agent.reset(env, info)
    assert (agent.act(None, {"rate_hz": 4.9, "target_hz": 5.0}) == np.float32(-0.5)).all()
    assert (agent.act(None, {"rate_hz": 5.0, "target_hz": 5.0}) == -1.0).all()
    env.close()


@pytest.mark.parametrize(
    ("below", "strength", "gain"),
    [
        ({"rate_hz": 0.25, "target_hz": 0.5}, 0.7, 0.01),
        ({"response": 0.25, "target_response": 0.5, "rate_hz": 9.0}, 1.0, 0.05),
    ],
)
def test_controllers_follow_what_the_task_has(below, strength, gain):
    env = gym.make("livn/EI2-v0", **OPTIONS)
    agent = OnOff()
    agent.reset(env, below)
    assert agent.act(None, below) == pytest.approx(2 * strength - 1)
    agent = ProportionalIntegral(integral_s=1e9, bias=0.0)
    agent.reset(env, below)
    assert agent.act(None, below) == pytest.approx(2 * 0.25 * gain - 1)
    env.close()


@pytest.mark.parametrize("agent", [OnOff(), ProportionalIntegral()])
def test_controllers_need_a_target(agent):
    with pytest.raises(NoTarget, match="target_hz or target_response"):
        agent.reset(gym.make("Pendulum-v1"), {"rate_hz": 1.0})


def test_scores_are_of_the_same_episodes_for_all():
    makers = {name: baseline(name, "livn/EI2-v0", strengths=3, **OPTIONS) for name in NAMES}
    played = play(makers, "livn/EI2-v0", episodes=3, **OPTIONS)
    targets = {tuple(episode.infos["target_hz"][0] for episode in episodes) for episodes in played.values()}
    assert len(targets) == 1 and len(set(targets.pop())) == 3
    result = score(played["silent"], measure_of("livn/EI2-v0"))
    assert (result.episodes, result.charge_nC) == (3, 0.0)
    returns = [episode.total_reward for episode in played["silent"]]
    assert (result.total_reward, result.deviation) == (
        pytest.approx(np.mean(returns)),
        pytest.approx(np.std(returns, ddof=1)),
    )
    assert score(played["silent"], "rate_hz").effect == pytest.approx(
        np.mean([episode.infos["rate_hz"].mean() for episode in played["silent"]])
    )
    drawn = [episode.infos["charge_nC"][0] for episode in played["random"]]
    assert len(set(drawn)) == 3  # every episode has random numbers of its own


def test_agents_get_the_same_graphs():
    assert with_graphs({"graph_seed": [7, 8]}, 3, 2) == {"graph_seed": [7, 8, 7, 7, 8, 7]}
    assert with_graphs({"graph_seed": "per_env", "step_ms": 200.0}, 2, 2) == {
        "graph_seed": [0, 1, 0, 1],
        "step_ms": 200.0,
    }
    assert with_graphs({"graph_seed": 4}, 2) == {"graph_seed": 4} and with_graphs({}, 2, 2) == {}
    makers = {"a": Silent, "b": lambda: Constant(0.0)}
    played = play(makers, "livn/EI1-v0", episodes=3, graph_seed=[5, 6], **OPTIONS)
    for one, other in zip(played["a"], played["b"], strict=True):
        assert one.rewards.tolist() == other.rewards.tolist()


@pytest.mark.needs("rl")
def test_unknown_agents_are_refused(tmp_path):
    with pytest.raises(UnknownName, match="'silent'"):
        baseline("silence", "livn/EI1-v0")
    with pytest.raises(InvalidInput, match="neither a run folder"):
        agent_factories(["silence"], "livn/EI1-v0")
    with pytest.raises(InvalidInput, match="no trained agent"):
        agent_factories([str(tmp_path)], "livn/EI1-v0")
