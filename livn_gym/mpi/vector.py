"""Rank 0's side: groups of environments that a team of ranks simulates, rank 0 among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from mpi4py import MPI
from numpy.typing import NDArray

from livn_gym.envs.group import Graph, Indices
from livn_gym.envs.results import StepResult
from livn_gym.errors import ClosedError, InvalidInput, UnsupportedModel, WorkerError
from livn_gym.mpi.member import DONE, FAILED, FIXED, Head, Member, Op


class Team:
    """Makes groups on all ranks and repairs them when a rank is lost; lives on rank 0.

    Args:
        member: Rank 0.
    """

    def __init__(self, member: Member) -> None:
        self.member = member
        self.groups: dict[int, TeamGroup] = {}
        self._calls = 0
        self._made = 0

    def make(
        self,
        system: str,
        task: str,
        graphs: Mapping[int, Graph],
        options: Mapping[str, Any],
        bear_loss: bool,
    ) -> TeamGroup:
        """A ``livn_gym.envs.group.Maker``.

        Raises:
            InvalidInput: The loss of a rank is to be borne where MPI cannot bear it.
            WorkerError: A rank could not make its cultures; whatever rank 0 cannot make raises its own error.
        """
        if bear_loss and os.environ.get("OMPI_MCA_mpi_ft_enable") != "1":
            raise InvalidInput(
                'on_worker_failure="truncate" needs a fault-tolerant launch: mpiexec --with-ft ulfm (Open MPI 5).'
            )
        number, self._made = self._made, self._made + 1
        group = TeamGroup(self, number, bear_loss)
        # Rank 0 is in the first block, so it owns an environment always.
        blocks = np.array_split(np.arange(len(graphs)), len(self.member.ranks))
        owners = np.repeat(self.member.ranks, [len(block) for block in blocks])
        # Entered only once every rank holds it: what is half made is not to be repaired.
        self.ask(Op.MAKE, number, lambda: (system, task, dict(graphs), dict(options), owners))
        self.groups[number] = group
        return group.opened()

    def head(self, op: Op, number: int = 0, **fields: int) -> NDArray[np.int64]:
        """A request's header."""
        head = np.zeros(len(Head), dtype=np.int64)
        head[Head.OP], head[Head.GROUP], head[Head.TIMED] = op, number, self.member.timed
        for name, value in fields.items():
            head[Head[name]] = value
        return head

    def call(self) -> int:
        """A new number, by which a rank knows a call that is made again."""
        self._calls += 1
        return self._calls

    def ask(self, op: Op, number: int, payload: Callable[[], Any]) -> list[Any]:
        """A request outside the steps; the ranks' answers, in their order.

        Raises:
            WorkerError: A rank failed.
        """
        answers = self.member.perform(self.head(op, number), payload=payload())
        share = self.member.shares[number]
        errors = [(rank, text) for rank, _, text in answers if text]
        if errors and op is Op.MAKE:
            exception = share.exception
            self.member.perform(self.head(Op.CLOSE, number))
            if exception is not None:
                raise exception
        self.check(number, errors)
        return [answer for _, answer, _ in answers]

    def check(self, number: int, errors: Sequence[tuple[int, str]]) -> None:
        """Raise what ranks reported, rank 0's own error as it is.

        Raises:
            WorkerError: A rank failed.
        """
        share = self.member.shares[number]
        if share.exception is not None:
            raise share.exception
        if errors:
            rank, text = errors[0]
            raise WorkerError(f"Rank {rank} failed:\n{text.rstrip()}")

    def repair(self, error: MPI.Exception) -> None:
        """After a failed call: give the environments of lost ranks to the others, for as long as ranks are lost.

        Raises:
            WorkerError: A group does not bear it, or its cultures cannot be made elsewhere.
            MPI.Exception: It was no loss of a rank.
        """
        while True:
            if error.Get_error_class() not in _LOSSES:
                raise error
            gone = self.member.regroup()
            frail = [group for group in self.groups.values() if not group.bear_loss]
            if frail:
                raise WorkerError(
                    f"Rank {', '.join(map(str, gone))} died. Vector environments made with "
                    'on_worker_failure="truncate" go on without.'
                ) from error
            try:
                for number, group in self.groups.items():
                    owners = self.member.shares[number].owners.copy()
                    orphans = np.flatnonzero(~np.isin(owners, self.member.ranks))
                    for i in orphans:
                        loads = [(owners == rank).sum() for rank in self.member.ranks]
                        owners[i] = self.member.ranks[int(np.argmin(loads))]
                    group.mark(orphans)
                    self.ask(Op.ADOPT, number, lambda owners=owners: owners)  # type: ignore[misc]
            except MPI.Exception as further:
                error = further
            else:
                return

    def end(self) -> None:
        """Let the other ranks go."""
        self.member.perform(self.head(Op.END))


_LOSSES = {MPI.ERR_PROC_FAILED, MPI.ERR_PROC_FAILED_PENDING, MPI.ERR_REVOKED}


class TeamGroup:
    """A ``livn_gym.envs.group.Group`` whose environments are spread over the ranks, a block to each.

    Args:
        team: The ranks.
        number: Of the group in the team.
        bear_loss: Whether to go on when a rank is lost.
    """

    def __init__(self, team: Team, number: int, bear_loss: bool) -> None:
        self.bear_loss = bear_loss
        self._team, self._number = team, number
        self._closed = False

    def opened(self) -> TeamGroup:
        """Itself, when the ranks have made the cultures."""
        self._share = self._team.member.shares[self._number]
        assert self._share.loops is not None  # rank 0 owns an environment
        self._loops = self._share.loops
        self.step_ms = self._loops.step_ms
        self.action_space: spaces.Box = self._loops.action_space
        self.observation_space: spaces.Box = self._loops.observation_space
        count = len(self._share.graphs)
        self._seeds: list[int | None] = [None] * count
        self._restarts = np.zeros(count, dtype=np.int64)
        self._lost = np.zeros(count, dtype=np.bool_)
        return self

    def mark(self, orphans: Indices) -> None:
        """Environments whose rank is gone: they begin anew, with a seed of their own."""
        self._lost[orphans] = True
        self._restarts[orphans] += 1

    def reset(self, places: Indices, seeds: Sequence[int | None]) -> StepResult:
        """Begin an episode in some environments; a seed of None goes on with the next trial."""
        for i, seed in zip(places.tolist(), seeds, strict=True):
            self._seeds[i] = seed if seed is not None else self._seeds[i]
        given = dict(zip(places.tolist(), seeds, strict=True))

        def rows() -> NDArray[np.uint64]:
            table = np.zeros((len(self._lost), 2), dtype=np.uint64)
            for i, seed in given.items():
                seed = self._fresh(i) if seed is None and self._lost[i] else seed
                table[i] = (1, 0) if seed is None else (2, seed)
            return table

        results = self._run(Op.RESET, rows)
        self._lost[places] = False
        return results

    def step(self, places: Indices, actions: NDArray) -> StepResult:
        """One control step of some environments; those that were lost are not among the results."""
        checked = self._loops.loops[0].checked(actions, len(places))

        def rows() -> NDArray[np.float64]:
            table = np.zeros((len(self._lost), 1 + checked[0].size))
            table[places, 1:] = checked.reshape(len(places), -1)
            table[places, 0] = ~self._lost[places]
            return table

        return self._run(Op.STEP, rows, DTYPE=ord(checked.dtype.char))

    def state(self) -> list[Any]:
        """Every environment's in ascending order, whatever the number of ranks.

        Raises:
            UnsupportedModel: The backend has no snapshots.
        """
        self._check_open()
        while True:
            if self._lost.any():  # a culture that was lost has no state before a reset; it stays marked as lost
                lost = self._lost.copy()
                self.reset(np.flatnonzero(lost), [None] * int(lost.sum()))
                self._lost |= lost
            try:
                answers = self._team.ask(Op.STATE, self._number, lambda: None)
            except MPI.Exception as error:
                self._team.repair(error)
                continue
            found = {i: state for answer in answers if answer for i, state in answer.items()}
            return [found[i] for i in range(len(self._lost))]

    def set_state(self, states: Sequence[Any]) -> None:
        """Go on from the states of an equal group of any number of ranks.

        Raises:
            WorkerError: A rank was lost on the way.
        """
        self._check_open()
        self._lost[:] = False
        ranks = self._team.member.ranks
        try:
            self._team.ask(
                Op.SET_STATE, self._number, lambda: [[states[i] for i in self._share.own(rank)] for rank in ranks]
            )
        except MPI.Exception as error:
            raise WorkerError("A rank died while a state was set.") from error

    def generators(self) -> tuple[np.random.Generator, ...]:
        """Refuse: they are on the ranks.

        Raises:
            UnsupportedModel: Always.
        """
        raise UnsupportedModel("The generators are on the ranks that simulate the environments.")

    def seeds(self) -> tuple[int, ...]:
        """Where every generator started; -1 where no seed was given yet."""
        return tuple(-1 if seed is None else seed for seed in self._seeds)

    def __reduce__(self) -> Any:
        """Refuse: a copy would share the ranks.

        Raises:
            UnsupportedModel: Always.
        """
        raise UnsupportedModel("An environment over MPI ranks cannot be copied or pickled; use state and set_state.")

    def close(self) -> None:
        """Free the cultures on all ranks; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            self._team.member.perform(self._team.head(Op.CLOSE, self._number))
        except MPI.Exception as error:
            self._team.repair(error)
        self._team.groups.pop(self._number, None)

    def _run(self, op: Op, rows: Callable[[], NDArray], **fields: int) -> StepResult:
        self._check_open()
        call = self._team.call()
        while True:
            sent = rows()
            learn = int(not self._share.names)  # what info holds; the first time only
            head = self._team.head(op, self._number, CALL=call, WIDTH=sent.shape[1], LEARN=learn, **fields)
            try:
                table = self._team.member.perform(head, sent)
                if (table[:, 0] == FAILED).any():
                    answers = self._team.member.perform(self._team.head(Op.REPORT, self._number))
                    self._team.check(self._number, [(rank, text) for rank, _, text in answers if text])
            except MPI.Exception as error:
                self._team.repair(error)
                continue
            places = np.flatnonzero((sent[:, 0] != 0) & (table[:, 0] == DONE))
            return self._results(places, table[places])

    def _results(self, places: Indices, table: NDArray[np.float64]) -> StepResult:
        names = self._share.names
        first_info = table.shape[1] - len(names)
        return StepResult(
            table[:, FIXED:first_info].astype(np.float32),
            table[:, 1].copy(),
            table[:, 2] != 0,
            table[:, 3] != 0,
            [dict(zip(names, row, strict=True)) for row in table[:, first_info:].tolist()],
            places,
        )

    def _fresh(self, i: int) -> int | None:
        base = self._seeds[i]
        if base is None:
            return None
        return int(np.random.SeedSequence([base, i, int(self._restarts[i])]).generate_state(1)[0])

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("This environment is closed; make a new one.")
