"""Train an agent with Stable-Baselines3 (PPO, SAC or TD3), with evaluations, logs and checkpoints.

``train("ppo", "livn/EI2-v0", "runs/first")`` writes to the run folder:

- ``config.json``: arguments of the run
- ``curve.csv``: learning curve, from evaluation episodes during the training
- ``progress.csv`` and ``tensorboard/``: logs of the learner
- ``checkpoint.pkl``: checkpoint from which ``resume=True`` continues bit for bit; removed at the end
- ``model.zip`` and ``agent.json``: the trained agent; loading it executes no code from them
- ``SHA256SUMS``: checksums of these files, written when the run is finished
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

import livn_gym
from livn_gym.agents import checkpoint, hyperparameters, learned, run_folder
from livn_gym.agents.episodes import make_envs, run_episodes, with_graphs
from livn_gym.agents.evaluate import measure_of
from livn_gym.agents.logs import Table, TensorBoard
from livn_gym.agents.policy import check_spaces
from livn_gym.agents.run_folder import CHECKPOINT, CURVE, PROGRESS, Row, read_rows, write_rows
from livn_gym.atomic import only_writer
from livn_gym.envs.provenance import provenance
from livn_gym.envs.specs import located, plain_options
from livn_gym.errors import InvalidInput
from livn_gym.units import whole_number

__all__ = ["EVAL_SEED", "read_rows", "train", "write_rows"]

EVAL_SEED = 1_000_000
"""Seed of the first evaluation episode; the next ones count up. All evaluations of all runs use the same seeds."""

LAST_SEED = 2**32 - 2**16
"""Largest seed: Stable-Baselines3 seeds NumPy with 32 bits, and the environments' seeds count up from it."""

_log = logging.getLogger(__name__)


def train(
    agent: str,
    env_id: str,
    folder: str | Path,
    *,
    steps: int | None = None,
    num_envs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    trust: bool = False,
    evaluations: int = 5,
    eval_episodes: int = 5,
    checkpoint_every: int | None = None,
    options: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    report: Callable[[int, int, float], None] | None = None,
) -> list[Row]:
    """Train an agent and save it.

    Args:
        agent: Learning algorithm: ``"ppo"``, ``"sac"`` or ``"td3"``.
        env_id: Id of the environment.
        folder: Run folder; created if it does not exist.
        steps: Environment steps, counted over all environments. Default: taken from the hyperparameters.
        num_envs: Number of parallel environments. Default: taken from the hyperparameters.
        seed: Seed of the learner; environment i starts from ``seed + i``.
        resume: Continue from the checkpoint in the run folder, with the same arguments. If there is none yet, the
            training starts from the beginning; if the run is finished, its learning curve is returned.
        trust: Resume even a checkpoint that another user or machine wrote. Reading it can execute code.
        evaluations: Number of evaluations after the first, which precedes the training; the last is at the end.
        eval_episodes: Number of episodes per evaluation.
        checkpoint_every: Steps between checkpoints; 0 for none. Default: a tenth of all steps.
        options: Options of the environment, as for ``gym.make``: values that JSON can represent, or classes that can be
            imported by name. Paths are stored as absolute paths.
        changes: Hyperparameters that override those of the file.
        report: Called after every step with the steps done, all steps, and the mean return of the latest training
            episodes (NaN until the first has ended).

    Returns:
        The learning curve, a row per evaluation as in ``curve.csv``: ``step``, ``seconds``, ``return`` (mean over
        episodes), ``return_low``, ``return_high``, ``effect`` (the task's measure) and ``charge_nC``.

    Raises:
        UnknownName: There is no such agent, environment or hyperparameter.
        InvalidInput: A number is out of range, the folder holds a run and ``resume`` is False, or it holds a run with
            other arguments. Nothing was written.
        Untrusted: Another user or machine wrote the checkpoint, and ``trust`` is False.
        CorruptData: A file in the folder is damaged.
        UnsupportedModel: The backend of the environment does not support snapshots, which checkpoints need; use
            ``checkpoint_every=0``.
    """
    torch.set_num_threads(1)  # small networks gain nothing from more, and one thread gives the same results everywhere
    settings = hyperparameters.load(agent, env_id, changes)
    total = whole_number("steps", settings.steps if steps is None else steps)
    count = whole_number("num_envs", settings.num_envs if num_envs is None else num_envs)
    steps_per_checkpoint = (
        max(1, total // 10)
        if checkpoint_every is None
        else whole_number("checkpoint_every", checkpoint_every, minimum=0)
    )
    if whole_number("seed", seed, minimum=0) > LAST_SEED:
        raise InvalidInput(f"seed must be at most {LAST_SEED}, got {seed}.")
    if not isinstance(options or {}, Mapping):
        raise InvalidInput(f"options must be a mapping, got {options!r}.")
    options = located(plain_options(options or {}))
    folder = Path(folder)
    config: dict[str, Any] = {
        "agent": agent,
        "env": env_id,
        "options": options,
        "steps": total,
        "num_envs": count,
        "seed": seed,
        "evaluations": whole_number("evaluations", evaluations),
        "eval_episodes": whole_number("eval_episodes", eval_episodes),
        "policy": settings.policy,
        "normalize": settings.normalize,
        "noise_std": settings.noise_std,
        "hyperparameters": settings.arguments,
        "version": livn_gym.__version__,
        **provenance(env_id, options),
    }
    run_folder.check_usable(folder, resume, config)
    if run_folder.is_finished(folder):
        run_folder.check(folder)
        return read_rows(folder / CURVE)

    envs = make_envs(env_id, count, AutoresetMode.SAME_STEP, **with_graphs(options, count))
    logger, eval_envs = None, None
    try:
        check_spaces(envs.single_observation_space, envs.single_action_space)
        eval_envs = make_envs(env_id, eval_episodes, **with_graphs(options, eval_episodes))
        env = checkpoint.wrap(envs, settings.normalize)
        measure = measure_of(env_id, options)
        steps_per_evaluation = max(1, total // evaluations)
        progress = _Progress(folder, eval_envs, measure, total, steps_per_evaluation, steps_per_checkpoint, report)
        path = folder / CHECKPOINT
        resumed = resume and path.is_file()
        pending: dict[str, dict[str, Any]] = {}
        if resumed:
            model, pending, saved = checkpoint.restore(path, settings.algorithm, env, trust=trust)
            progress.set_state(saved)
            _log.info("continuing from %s at step %d", path, model.num_timesteps)
        else:
            model = settings.make(env, seed)
            if steps_per_checkpoint:
                checkpoint.check(env)
        run_folder.write_config(folder, config)  # all input has been checked
        progress.board.open(progress.board.rows)
        logger = Logger(str(folder), [progress.table, progress.board])
        model.set_logger(logger)
        progress.start_clock()
        if resumed:
            checkpoint.set_pending(model, pending)
        with only_writer(folder):
            model.learn(total - model.num_timesteps, callback=progress, reset_num_timesteps=not resumed)
            progress.evaluate()
            learned.save(folder, agent, model, settings.arguments.get("policy_kwargs", {}))
            run_folder.finish(folder)
            path.unlink(missing_ok=True)
    finally:
        if logger is not None:
            logger.close()
        envs.close()
        if eval_envs is not None:
            eval_envs.close()
    return progress.curve


class _Progress(BaseCallback):
    """Callback that evaluates and saves at the start of rollouts and reports after every step."""

    def __init__(
        self,
        folder: Path,
        eval_envs: VectorEnv,
        measure: str,
        total: int,
        steps_per_evaluation: int,
        steps_per_checkpoint: int,
        report: Callable[[int, int, float], None] | None,
    ) -> None:
        super().__init__()
        self.folder, self.eval_envs, self.measure, self.total, self.report = folder, eval_envs, measure, total, report
        self.steps_per_evaluation, self.steps_per_checkpoint = steps_per_evaluation, steps_per_checkpoint
        self.next_evaluation = self.next_checkpoint = 0
        self.curve: list[Row] = []
        self.table = Table(folder / PROGRESS)
        self.board = TensorBoard(folder / "tensorboard")
        self.seconds = 0.0
        self._clock_s = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """Return the state that a checkpoint saves."""
        self._tick()
        names = ("next_evaluation", "next_checkpoint", "curve", "seconds")
        return {name: getattr(self, name) for name in names} | {
            "table": self.table.rows,
            "board": self.board.rows,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state; lines that were logged after it are dropped."""
        self.table.restore(state["table"])
        self.board.rows = state["board"]
        vars(self).update({name: value for name, value in state.items() if name not in ("table", "board")})

    def evaluate(self) -> None:
        """Play the evaluation episodes without exploration and append a row to the learning curve."""
        self._tick()
        agent = learned.Learned.of(self.model)
        count = self.eval_envs.num_envs
        episodes = run_episodes(self.eval_envs, [agent] * count, [EVAL_SEED + i for i in range(count)])
        self._clock_s = time.perf_counter()  # seconds count the training alone
        returns = [episode.total_reward for episode in episodes]
        self.curve.append(
            {
                "step": self.model.num_timesteps,
                "seconds": round(self.seconds, 3),
                "return": float(np.mean(returns)),
                "return_low": min(returns),
                "return_high": max(returns),
                "effect": float(np.mean([episode.mean(self.measure) for episode in episodes])),
                "charge_nC": float(np.mean([episode.charge_nC for episode in episodes])),
            }
        )
        write_rows(self.folder / CURVE, self.curve)
        self.model.logger.record("eval/return", self.curve[-1]["return"])

    def _on_rollout_start(self) -> None:
        done = self.model.num_timesteps
        if done >= self.next_evaluation:
            self.next_evaluation = (done // self.steps_per_evaluation + 1) * self.steps_per_evaluation
            self.evaluate()
        if self.steps_per_checkpoint and done >= self.next_checkpoint:
            self.next_checkpoint = (done // self.steps_per_checkpoint + 1) * self.steps_per_checkpoint
            checkpoint.save(self.folder / CHECKPOINT, self.model, self.state())
            _log.info("checkpoint at step %d in %s", done, self.folder)

    def _on_step(self) -> bool:
        if self.report is not None:
            latest = [episode["r"] for episode in self.model.ep_info_buffer or ()]
            self.report(self.num_timesteps, self.total, float(np.mean(latest)) if latest else np.nan)
        return True

    def start_clock(self) -> None:
        """Begin to count the seconds of training."""
        self._clock_s = time.perf_counter()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self._clock_s = self.seconds + now - self._clock_s, now
