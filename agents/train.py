"""Train an agent of Stable-Baselines3: PPO, SAC or TD3, with evaluations, logs and checkpoints.

``train("ppo", "livn/EI2-v0", "runs/first")`` fills a folder:

- ``config.json``: what the run was started with
- ``curve.csv``: returns of evaluation episodes along the way
- ``progress.csv`` and ``tensorboard/``: what the learner logs
- ``checkpoint.pkl``: the state from which ``resume=True`` continues, bit for bit; removed at the end
- ``model.zip`` and ``agent.json``: the trained agent; nothing in them is executed when it is loaded
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
from livn_gym.envs.specs import located, plain_options
from livn_gym.errors import InvalidInput
from livn_gym.units import whole_number

__all__ = ["EVAL_SEED", "read_rows", "train", "write_rows"]

EVAL_SEED = 1_000_000
"""Of the first evaluation episode; the others count up. Every evaluation of every run takes the same."""

LAST_SEED = 2**32 - 2**16
"""NumPy's own generators, which Stable-Baselines3 seeds, take seeds of 32 bits; environments count up from it."""

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
        agent: ``"ppo"``, ``"sac"`` or ``"td3"``.
        env_id: Id of the environment.
        folder: Where everything goes; made if it is not there.
        steps: Environment steps, all environments together; None takes those of the hyperparameters.
        num_envs: Environments at once; None as well.
        seed: Of the learner; environment i starts from ``seed + i``.
        resume: Continue from the folder's checkpoint, with the same arguments as before. If there is none yet, the
            training begins from the start; if it is finished, nothing happens.
        trust: Resume a checkpoint that another user or machine wrote. A checkpoint is a pickle: reading it runs the
            code in it.
        evaluations: How many evaluations after the first, which is before any learning; the last is at the end.
        eval_episodes: Episodes of each.
        checkpoint_every: Steps between checkpoints; None is a tenth of all, 0 none.
        options: Options of the environment, as of ``gym.make``; what JSON can hold, or a class that a reference can
            name. Paths are kept absolute.
        changes: Hyperparameters that take the place of the file's.
        report: Called after every step with the steps done, all steps, and the mean return of the latest training
            episodes (NaN before the first has ended).

    Returns:
        The learning curve: one row an evaluation, as in ``curve.csv``.

    Raises:
        UnknownName: There is no such agent, environment or hyperparameter.
        InvalidInput: A number is out of range, the folder holds a run and ``resume`` is False, or it is a run with
            other arguments. Nothing was written.
        Untrusted: The checkpoint is not this user's on this machine, and ``trust`` is False.
        CorruptData: A file of the folder is damaged.
        UnsupportedModel: The environment's backend cannot be saved; ``checkpoint_every=0`` trains without.
    """
    torch.set_num_threads(1)  # small networks gain nothing from more, and results stay the same everywhere
    chosen = hyperparameters.load(agent, env_id, changes)
    total = whole_number("steps", chosen.steps if steps is None else steps)
    count = whole_number("num_envs", chosen.num_envs if num_envs is None else num_envs)
    every = (
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
        "policy": chosen.policy,
        "normalize": chosen.normalize,
        "noise_std": chosen.noise_std,
        "hyperparameters": chosen.arguments,
        "version": livn_gym.__version__,
    }
    run_folder.begin(folder, resume, config)
    if run_folder.is_finished(folder):
        run_folder.check(folder)
        return read_rows(folder / CURVE)

    envs = make_envs(env_id, count, AutoresetMode.SAME_STEP, **with_graphs(options, count))
    logger, judge = None, None
    try:
        check_spaces(envs.single_observation_space, envs.single_action_space)
        judge = make_envs(env_id, eval_episodes, **with_graphs(options, eval_episodes))
        env = checkpoint.wrap(envs, chosen.normalize)
        measure = measure_of(env_id, options)
        progress = _Progress(folder, judge, measure, total, max(1, total // evaluations), every, report)
        path = folder / CHECKPOINT
        resumed = resume and path.is_file()
        pending: dict[str, dict[str, Any]] = {}
        if resumed:
            model, pending, saved = checkpoint.restore(path, chosen.algorithm, env, trust=trust)
            progress.set_state(saved)
            _log.info("continuing from %s at step %d", path, model.num_timesteps)
        else:
            model = chosen.create(env, seed)
            if every:
                checkpoint.check(env)
        run_folder.take(folder, config)  # whatever could be refused has been
        progress.board.open(progress.board.rows)
        logger = Logger(str(folder), [progress.table, progress.board])
        model.set_logger(logger)
        if resumed:
            checkpoint.set_pending(model, pending)
        model.learn(total - model.num_timesteps, callback=progress, reset_num_timesteps=not resumed)
        progress.evaluate()
        learned.save(folder, agent, model, chosen.arguments.get("policy_kwargs", {}))
        run_folder.finish(folder)
        path.unlink(missing_ok=True)
    finally:
        if logger is not None:
            logger.close()
        envs.close()
        if judge is not None:
            judge.close()
    return progress.curve


class _Progress(BaseCallback):
    """What happens along the way: evaluations and checkpoints where a rollout begins, a report after every step."""

    def __init__(
        self,
        folder: Path,
        judge: VectorEnv,
        measure: str,
        total: int,
        evaluate_every: int,
        checkpoint_every: int,
        report: Callable[[int, int, float], None] | None,
    ) -> None:
        super().__init__()
        self.folder, self.judge, self.measure, self.total, self.report = folder, judge, measure, total, report
        self.evaluate_every, self.checkpoint_every = evaluate_every, checkpoint_every
        self.next_evaluation = self.next_checkpoint = 0
        self.curve: list[Row] = []
        self.table = Table(folder / PROGRESS)
        self.board = TensorBoard(folder / "tensorboard")
        self.seconds = 0.0
        self._since = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        self._tick()
        names = ("next_evaluation", "next_checkpoint", "curve", "seconds")
        return {name: getattr(self, name) for name in names} | {
            "table": self.table.rows,
            "board": self.board.rows,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Continue from there; lines that were written later are written anew."""
        self.table.restore(state["table"])
        self.board.rows = state["board"]
        vars(self).update({name: value for name, value in state.items() if name not in ("table", "board")})

    def evaluate(self) -> None:
        """Play the evaluation episodes without exploration and add a row to the curve."""
        self._tick()
        agent = learned.Learned.of(self.model)
        count = self.judge.num_envs
        episodes = run_episodes(self.judge, [agent] * count, [EVAL_SEED + i for i in range(count)])
        self._since = time.perf_counter()  # the clock is that of the training
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
            self.next_evaluation = (done // self.evaluate_every + 1) * self.evaluate_every
            self.evaluate()
        if self.checkpoint_every and done >= self.next_checkpoint:
            self.next_checkpoint = (done // self.checkpoint_every + 1) * self.checkpoint_every
            checkpoint.save(self.folder / CHECKPOINT, self.model, self.state())
            _log.info("checkpoint at step %d in %s", done, self.folder)

    def _on_step(self) -> bool:
        if self.report is not None:
            latest = [episode["r"] for episode in self.model.ep_info_buffer or ()]
            self.report(self.num_timesteps, self.total, float(np.mean(latest)) if latest else np.nan)
        return True

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
