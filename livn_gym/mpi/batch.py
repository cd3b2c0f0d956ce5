"""Batch of environments that the ranks of a team simulate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from gymnasium import spaces
from mpi4py import MPI
from numpy.typing import NDArray

from livn_gym import mpi_job
from livn_gym.envs.results import StepResult
from livn_gym.errors import BackendError, ClosedError, UnsupportedModel, WorkerError
from livn_gym.mpi.member import NEXT_TRIAL, SEEDED, Op
from livn_gym.mpi.rank_batch import DONE, FAILED, FIXED_COLUMNS, RankBatch

if TYPE_CHECKING:
    from livn_gym.mpi.team import Team

_T = TypeVar("_T")


class MPIBatch:
    """An ``EnvironmentBatch`` over ranks, each of which simulates a block of the environments.

    Args:
        team: The ranks, which have made their environments.
        number: Number of the batch in the team.
    """

    def __init__(self, team: Team, number: int) -> None:
        self._team, self._number = team, number
        self._rank_batch: RankBatch = team.member.batches[number]
        local = self._rank_batch.local
        assert local is not None  # rank 0 owns an environment
        self._local = local
        self.continue_on_failure = self._rank_batch.spec.continue_on_failure
        self.step_ms = local.step_ms
        self.action_space: spaces.Box = local.action_space
        self.observation_space: spaces.Box = local.observation_space
        self._num_envs = len(self._rank_batch.owners)
        self._seeds: list[int | None] = [None] * self._num_envs
        self._num_losses = np.zeros(self._num_envs, dtype=np.int64)
        self._lost = np.zeros(self._num_envs, dtype=np.bool_)
        self._closed = False

    def mark_lost(self, environment_indices: NDArray[np.int64]) -> None:
        """Mark environments of lost ranks, which their next reset starts again with new seeds."""
        self._lost[environment_indices] = True
        self._num_losses[environment_indices] += 1

    def reset(self, environment_indices: NDArray[np.int64], seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None continues with the next trial."""
        self._check_usable()
        seed_of = dict(zip(environment_indices.tolist(), seeds, strict=True))
        for i, seed in seed_of.items():
            self._seeds[i] = seed if seed is not None else self._seeds[i]

        def rows() -> NDArray[np.uint64]:
            table = np.zeros((self._num_envs, 2), dtype=np.uint64)
            for i, seed in seed_of.items():
                seed = self._seed_after_loss(i) if seed is None and self._lost[i] else seed
                table[i] = (NEXT_TRIAL, 0) if seed is None else (SEEDED, seed)
            return table

        result = self._in_full(lambda: self._run(Op.RESET, rows))
        self._lost[environment_indices] = False
        return result

    def step(self, environment_indices: NDArray[np.int64], actions: NDArray) -> StepResult:
        """Run one control step of some environments; those that were lost are missing in the result."""
        self._check_usable()
        checked = self._local.loops[0].checked(actions, len(environment_indices))

        def rows() -> NDArray[np.float64]:
            table = np.zeros((self._num_envs, 1 + checked[0].size))
            table[environment_indices, 1:] = checked.reshape(len(environment_indices), -1)
            table[environment_indices, 0] = ~self._lost[environment_indices]
            return table

        return self._in_full(lambda: self._run(Op.STEP, rows, DTYPE=ord(checked.dtype.char)))

    def state(self) -> list[Any]:
        """Return the state of every environment; it does not depend on the number of ranks.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        self._check_usable()
        return self._in_full(self._states)

    def _states(self) -> list[Any]:
        while True:
            if self._lost.any():  # a lost culture has no state before a reset; it stays marked
                lost = self._lost.copy()
                self.reset(np.flatnonzero(lost), [None] * int(lost.sum()))
                self._lost |= lost
            try:
                answers = self._team.ask(Op.STATE, self._number)
            except MPI.Exception as error:
                self._team.repair(error)
                continue
            states = {i: state for answer in answers if answer for i, state in answer.items()}
            return [states[i] for i in range(self._num_envs)]

    def set_state(self, states: Sequence[Any]) -> None:
        """Continue from the states of an equal batch, over any number of ranks.

        Raises:
            WorkerError: A rank was lost during the request.
        """
        self._check_usable()
        self._lost[:] = False
        by_rank = [[states[i] for i in self._rank_batch.owned(rank)] for rank in self._team.member.ranks]
        try:
            self._in_full(lambda: self._team.ask(Op.SET_STATE, self._number, by_rank))
        except MPI.Exception as error:
            raise WorkerError("A rank died while a state was set.") from error

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Refuse: the generators are on the ranks.

        Raises:
            UnsupportedModel: Always.
        """
        raise UnsupportedModel("The generators are on the ranks that simulate the environments.")

    def seeds(self) -> tuple[int, ...]:
        """Return the seed of every environment's generator; -1 if no reset has set one."""
        return tuple(-1 if seed is None else seed for seed in self._seeds)

    def __reduce__(self) -> Any:
        """Refuse: a copy would share the ranks.

        Raises:
            UnsupportedModel: Always.
        """
        raise UnsupportedModel("An environment over MPI ranks cannot be copied or pickled; use state and set_state.")

    def close(self) -> None:
        """Free the cultures on all ranks; may be called twice, and has no effect in a forked child."""
        if self._closed:
            return
        self._closed = True
        if not self._team.forked:
            self._in_full(self._close)

    def _close(self) -> None:
        try:
            self._team.member.perform(self._team.head(Op.CLOSE, self._number))
        except MPI.Exception as error:
            self._team.repair(error)
        self._team.batches.pop(self._number, None)

    def _in_full(self, work: Callable[[], _T]) -> _T:
        def stop() -> None:
            for loop in self._local.loops:
                loop.stop()

        return mpi_job.in_full(work, stop)

    def _run(self, op: Op, rows: Callable[[], NDArray], **fields: int) -> StepResult:
        call = self._team.call_number()
        while True:
            sent = rows()
            new_info = int(not self._rank_batch.info_names)  # the names in info are sent once
            head = self._team.head(op, self._number, CALL=call, WIDTH=sent.shape[1], NEW_INFO=new_info, **fields)
            try:
                table = self._team.member.perform(head, sent)
                if (table[:, 0] == FAILED).any():
                    self._team.raise_reported(self._number)
            except MPI.Exception as error:
                self._team.repair(error)
                continue
            environment_indices = np.flatnonzero((sent[:, 0] != 0) & (table[:, 0] == DONE))
            return self._result(environment_indices, table[environment_indices])

    def _result(self, environment_indices: NDArray[np.int64], table: NDArray[np.float64]) -> StepResult:
        names = self._rank_batch.info_names
        first_info = table.shape[1] - len(names)
        return StepResult(
            observations=table[:, FIXED_COLUMNS:first_info].astype(np.float32),
            rewards=table[:, 1].copy(),
            terminated=table[:, 2] != 0,
            truncated=table[:, 3] != 0,
            infos=[dict(zip(names, row, strict=True)) for row in table[:, first_info:].tolist()],
            cultures=environment_indices,
        )

    def _seed_after_loss(self, i: int) -> int | None:
        """Return a seed for an environment that starts again on another rank, from its seed and number of losses."""
        base = self._seeds[i]
        if base is None:
            return None
        return int(np.random.SeedSequence([base, i, int(self._num_losses[i])]).generate_state(1)[0])

    def _check_usable(self) -> None:
        if self._team.forked:
            raise BackendError(
                "MPI does not survive a fork: this process cannot use the vector environments of its parent."
            )
        if self._closed:
            raise ClosedError("This environment is closed; make a new one.")
