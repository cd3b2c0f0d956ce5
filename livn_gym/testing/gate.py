"""The gate: does a task need the network, or do the field's direct hits and the decoder earn its score?

Reference agents play the same episodes on intact and on altered cultures; spikes near pulses are blanked, as on a real
amplifier. A task passes if the agent beats silence on the intact culture and loses that gain without the network. It is
the same call for shipped tasks and for a user's own::

    from livn_gym.testing import network_gate

    def test_my_task_needs_the_network():
        network_gate("my_package.tasks:Avoid", system="EI2", floor=1.0).check()
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np

import livn_gym
from livn_gym.agents import evaluate
from livn_gym.agents.baselines import Agent, Silent
from livn_gym.agents.episodes import Episode
from livn_gym.agents.reference_agents import TUNING_SEED, AgentFamily, Budget, Tuned, families_of, tune
from livn_gym.envs.provenance import provenance
from livn_gym.envs.registration import CULTURE_ID, is_ours, spec_of
from livn_gym.envs.specs import plain_options
from livn_gym.errors import InvalidInput, shown
from livn_gym.testing.gate_agents import AtRandomTimes, Recorded, same_episodes
from livn_gym.testing.gate_result import Arm, Criterion, GateResult, Panel
from livn_gym.testing.gate_rules import MAX_CUT_SHARE, MAX_SHUFFLED_SHARE, MIN_SPREADS, GateRules, rules_of
from livn_gym.testing.gate_statistics import Interval, difference, ratio
from livn_gym.units import whole_number

GATE_SEED = 6_000_000
"""Seed of the first episode of every arm; no training, search or benchmark uses these seeds."""

BLANKINGS = ((3.0, 3.0), (5.0, 5.0))
"""Blanking of the two panels: stimulated electrodes, other electrodes, ms."""

EPISODES, SHORT_EPISODES = 16, 4
"""Number of paired episodes in full and in short form."""

SHORT_BUDGET = Budget(candidates=4, rounds=1, episodes=2)
"""Budget of the tuning in short form."""

LARGE_BUDGET = Budget(candidates=6, rounds=2, episodes=2)
"""Budget of the tuning on systems of more than ``LARGE`` cells."""

LARGE = 500

_CONDITIONS = {"intact": None, "cut": "synapses_cut", "poisson": "poisson_culture", "shuffled": "shuffled_culture"}
"""Condition of each kind of culture."""

Progress = Callable[[str, float], None]
"""Called with the present part of the work and the share that is done, 0 to 1."""


def network_gate(
    env: Any = None,
    *,
    agents: Sequence[AgentFamily] | None = None,
    short: bool = False,
    episodes: int | None = None,
    budget: Budget | None = None,
    blankings: Sequence[tuple[float, float]] = BLANKINGS,
    seed: int = GATE_SEED,
    spatial: bool | None = None,
    floor: float | None = None,
    report: Progress | None = None,
    **options: Any,
) -> GateResult:
    """Measure whether a task needs the network of its culture.

    The arms are silence and the best reference agent on the intact culture (``S``, ``R``), silence, the same agent and
    the agent that the same search finds there on the culture with its synapses cut (``S_cut``, ``X1``, ``X2``), silence
    and the agent on a Poisson culture of the settled rates and, for spatial tasks, with shuffled cells.

    Args:
        env: Id of an environment; or a task as ``gym.make(..., task=)`` takes it (a class, a reference, a path, a
            mapping), in ``livn/Culture-v0``; None if ``options`` name the task.
        agents: Families of reference agents. Default: those of the task, or the generic ones.
        short: Short form: 4 episodes and a small search, for tests.
        episodes: Number of episodes per arm. Default: 16, or 4 in short form.
        budget: Size of each search. Default: by the size of the system.
        blankings: Blanking at stimulated and other electrodes of each panel, ms. Agents are tuned with the first one.
        seed: Seed of the first episode; the next ones count up.
        spatial: Whether shuffled cells must lose the score. Default: as the task says.
        floor: Smallest gain over silence, in units of the return, where all silent episodes score the same. Default: as
            the task says.
        report: Called with the present part of the work and the share that is done.
        **options: Options of the environment, as of ``gym.make_vec``.

    Raises:
        InvalidInput: ``env`` is an id of another package, or a number is out of range.
        UnknownName: There is no such environment or task.
    """
    started = time.perf_counter()
    subject = Subject.of(env, options)
    rules = rules_of(subject.task, spatial=spatial, floor=floor)
    count = whole_number("episodes", episodes or (SHORT_EPISODES if short else EPISODES), minimum=2)
    with gym.make(subject.env_id, **subject.single()) as probe:
        _, info = probe.reset(seed=seed)
        culture_env: Any = probe.unwrapped
        families = list(agents or families_of(subject.task, culture_env, info))
        # Demonstration and calibration stimulate, so that targets of silent episodes depend on the blanking, too.
        task = culture_env.task
        blanks_silence = task.demonstration is not None or task.calibration is not None
        reads_later = culture_env.decoding.starts_at_ms > max(max(times_ms) for times_ms in blankings)
        cells, system = culture_env.culture.system.num_neurons, culture_env.culture.system.name
        if rules.bursts and rules.bursts not in info:
            raise InvalidInput(f"The gate counts {rules.bursts!r}, which info does not have: {', '.join(info)}.")
    search = budget or (SHORT_BUDGET if short else LARGE_BUDGET if cells > LARGE else Budget())
    times_ms = [(float(first), float(second)) for first, second in blankings]
    work = _Work(subject, rules, families, search, count, seed, report, len(times_ms), blanks_silence, reads_later)
    reference, tuned_on_cut = (work.tune(times_ms[0], culture) for culture in ("intact", "cut"))
    panels = tuple(work.panel(blank_ms, reference, tuned_on_cut) for blank_ms in times_ms)
    protocol = {
        "env": subject.env_id,
        "options": plain_options(subject.options),
        "episodes": count,
        "seed": seed,
        "tuning_seed": TUNING_SEED,
        "budget": asdict(search),
        "families": [family.name for family in families],
        "rules": {"spatial": rules.spatial, "floor": rules.floor, "bursts": rules.bursts},
    }
    origin = provenance(subject.env_id, subject.options) | {"version": livn_gym.__version__}
    wall_s = round(time.perf_counter() - started, 1)
    return GateResult(subject.name, origin, protocol, panels, rules.exemption(system), wall_s)


@dataclass(frozen=True)
class Subject:
    """The environment under test: its id and options, its task, and its name in tables."""

    env_id: str
    options: Mapping[str, Any]
    task: Any
    name: str

    @classmethod
    def of(cls, env: Any, options: Mapping[str, Any]) -> Subject:
        """Tell an id from a task."""
        given = dict(options)
        if isinstance(env, str) and (env in gym.registry or re.search(r"-v\d+$", env)):
            spec = spec_of(env)
            if not is_ours(spec):
                raise InvalidInput(f"The gate alters a simulated culture, which {env!r} does not have.")
            task = ({"task": "rate_tracking"} | dict(spec.kwargs) | given)["task"]
            return cls(env, given, task, env)
        if env is not None and "task" in given:
            raise InvalidInput(f"The task is given twice: {shown(env)} and task={shown(given['task'])}.")
        if env is not None:
            given["task"] = env
        if "task" not in given:
            raise InvalidInput("The gate needs the id of an environment, or a task.")
        task = given["task"]
        named = task["name"] if isinstance(task, Mapping) else task
        name = named if isinstance(named, str) else named.__name__
        return cls(CULTURE_ID, {"system": "EI2"} | given, task, name)

    def single(self) -> dict[str, Any]:
        """Return the options of a single environment: the first graph of several."""
        options = dict(self.options)
        graphs = options.get("graph_seed")
        if isinstance(graphs, str) or graphs is None:
            options.pop("graph_seed", None)
        elif isinstance(graphs, Sequence | np.ndarray):
            options["graph_seed"] = graphs[0]
        return options

    def under(self, blank_ms: tuple[float, float], culture: str) -> dict[str, Any]:
        """Return the options with a blanking and the condition of a kind of culture."""
        options = {**self.options, "blank_ms": blank_ms}
        condition = _CONDITIONS[culture]
        return options if condition is None else evaluate.with_condition(self.env_id, options, condition)


@dataclass
class _Work:
    """Plays the arms of the panels and reports progress."""

    subject: Subject
    rules: GateRules
    families: Sequence[AgentFamily]
    budget: Budget
    episodes: int
    seed: int
    report: Progress | None
    num_panels: int
    blanks_silence: bool
    reads_later: bool
    parts: int = 0
    silent: dict[str, Arm] = field(default_factory=dict)
    first: tuple[Sequence[Recorded], Panel] | None = None

    def panel(self, blank_ms: tuple[float, float], reference: Tuned, tuned_on_cut: Tuned) -> Panel:
        """Measure the panel of a blanking.

        Where the decoding reads only what comes after every blanking, and the reference agent observes and gets bit for
        bit the same as in the first panel, blanking does not reach the task, and the panel is the first one.
        """
        arms: dict[str, Arm] = {}
        recorded: list[Recorded] = []

        def record() -> Agent:
            recorded.append(Recorded(reference.make()))
            return recorded[-1]

        def play(name: str, agent: str, make: Callable[[], Agent], culture: str) -> None:
            step = self._step(f"blanked {blank_ms[0]:g}, {blank_ms[1]:g} ms: {name}")
            if name in self.silent and not self.blanks_silence:
                arms[name] = self.silent[name]
                return
            options = self.subject.under(blank_ms, culture)
            arguments: dict[str, Any] = {"episodes": self.episodes, "seed": self.seed, "report": step}
            played = evaluate.play({name: make}, self.subject.env_id, **arguments, **options)[name]
            arms[name] = _arm(played, agent, culture, self.rules.bursts)
            if make is Silent:
                self.silent[name] = arms[name]

        play("S", "silence", Silent, "intact")
        play("R", str(reference), record, "intact")
        if self.first and self.reads_later and arms["R"] == self.first[1].arms["R"]:
            if same_episodes(self.first[0], recorded):
                return replace(self.first[1], blank_ms=blank_ms)
        play("S_cut", "silence", Silent, "cut")
        play("X1", str(reference), reference.make, "cut")
        play("X2", str(tuned_on_cut), tuned_on_cut.make, "cut")
        for culture in ("poisson", "shuffled") if self.rules.spatial else ("poisson",):
            play(f"S_{culture}", "silence", Silent, culture)
            play(culture, str(reference), reference.make, culture)
        if self.rules.bursts:
            replayed = iter([AtRandomTimes(agent.actions, self.seed + k) for k, agent in enumerate(recorded)])
            play("random_times", f"{reference} at random times", partial(next, replayed), "intact")
        criteria = _burst_criteria(arms) if self.rules.bursts else _criteria(arms, self.rules)
        panel = Panel(blank_ms, arms, tuple(criteria), _network_share(arms))
        self.first = self.first or (recorded, panel)
        return panel

    def tune(self, blank_ms: tuple[float, float], culture: str) -> Tuned:
        """Find the best agent on a kind of culture."""
        step = self._step(f"blanked {blank_ms[0]:g}, {blank_ms[1]:g} ms: tuning, {culture}")
        options = self.subject.under(blank_ms, culture)
        return tune(self.families, self.subject.env_id, self.budget, report=lambda k, _: step(k), **options)

    def _step(self, part: str) -> Callable[[int], None]:
        """Begin a part of the work, and return the function that reports its steps."""
        all_parts = 2 + self.num_panels * (7 + 2 * self.rules.spatial + bool(self.rules.bursts))
        done = self.parts / all_parts
        self.parts += 1
        return lambda step: None if self.report is None else self.report(part, done)


def _arm(episodes: Sequence[Episode], agent: str, culture: str, bursts: str) -> Arm:
    counts = tuple(float(episode.infos[bursts].sum()) for episode in episodes) if bursts else ()
    return Arm(agent, culture, tuple(episode.total_reward for episode in episodes), counts)


def _gain(arms: Mapping[str, Arm], name: str, silence: str) -> list[float]:
    """Return the differences of an arm and its silence, by episode."""
    return np.subtract(arms[name].returns, arms[silence].returns).tolist()


def _best_cut(arms: Mapping[str, Arm]) -> str:
    return max(("X1", "X2"), key=lambda name: arms[name].mean)


def _network_share(arms: Mapping[str, Arm]) -> Interval:
    """Return the share of the gain over silence that is lost with the synapses cut, 0 to 1."""
    kept = ratio(_gain(arms, _best_cut(arms), "S_cut"), _gain(arms, "R", "S"))
    return Interval(1.0 - kept.value, 1.0 - kept.high, 1.0 - kept.low).clipped(0.0, 1.0)


def _criteria(arms: Mapping[str, Arm], rules: GateRules) -> list[Criterion]:
    gain = _gain(arms, "R", "S")
    better = difference(arms["R"].returns, arms["S"].returns)
    spread = arms["S"].deviation
    criteria = [Criterion("lower 95 % bound of R - S", better.low, 0.0, True)]
    if spread > 0.0:
        limit, name = MIN_SPREADS * spread, "mean of R - S, whose limit is 2 SD of S,"
    elif rules.floor > 0.0:
        limit, name = rules.floor, "mean of R - S, whose limit is the task's floor,"
    else:
        limit, name = np.inf, "mean of R - S, which needs a floor since S is the same in all episodes,"
    criteria.append(Criterion(name, better.value, limit, True))
    for arm, silence, limit in (
        (_best_cut(arms), "S_cut", MAX_CUT_SHARE),
        ("poisson", "S_poisson", MAX_CUT_SHARE),
        *([("shuffled", "S_shuffled", MAX_SHUFFLED_SHARE)] if rules.spatial else []),
    ):
        kept = ratio(_gain(arms, arm, silence), gain)
        criteria.append(Criterion(f"upper 95 % bound of ({arm} - {silence}) / (R - S)", kept.high, limit, False))
    return criteria


def _burst_criteria(arms: Mapping[str, Arm]) -> list[Criterion]:
    over_silence = difference(arms["R"].returns, arms["S"].returns)
    over_random = difference(arms["R"].returns, arms["random_times"].returns)
    return [
        Criterion("number of bursts in S_cut", float(np.sum(arms["S_cut"].bursts)), 0.0, False),
        Criterion("lower 95 % bound of R - S", over_silence.low, 0.0, True),
        Criterion("lower 95 % bound of R - random_times", over_random.low, 0.0, True),
    ]
