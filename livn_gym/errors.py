"""Errors that say what was given, what is allowed, and the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

from gymnasium.error import ClosedEnvironmentError


class LivnError(Exception):
    """Base of every error that livn_gym raises on purpose."""


class InvalidInput(LivnError, ValueError):
    """An argument is outside what is allowed."""


class OutOfRange(InvalidInput, IndexError):
    """An index is outside a sequence; an ``IndexError`` as well, which ends a loop over indices."""


class UnknownName(InvalidInput, KeyError):
    """A name (weight, noise key, population, system, task) does not exist."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        """Return the message as written."""
        return str(self.args[0])


class UnknownOption(UnknownName, TypeError):
    """A keyword argument does not exist; a ``TypeError`` as well, as of every Python function and of Gymnasium."""


class UnknownAttribute(UnknownName, AttributeError):
    """An attribute does not exist; an ``AttributeError`` as well."""


class ClosedError(LivnError, RuntimeError):
    """An operation was asked of an environment that is closed or not initialised."""


class ClosedEnvironment(ClosedError, ClosedEnvironmentError):
    """A Gymnasium environment was used after ``close``; Gymnasium's ``ClosedEnvironmentError`` as well."""


class NotRecorded(LivnError, RuntimeError):
    """Data was asked for that the run did not record."""


class BackendError(LivnError, RuntimeError):
    """A simulator failed; the message carries its own traceback or output."""


class BackendUnavailable(BackendError, ImportError):
    """A simulator or a tool it needs is not installed."""


class ImportFailed(LivnError, ImportError):
    """Code that a name or reference stands for raised an error when it was imported; the message names its origin."""


class WorkerError(BackendError):
    """A rank failed; the message holds its traceback, or says that it is gone."""


class SimulationDiverged(LivnError, ArithmeticError):
    """A membrane voltage left the range that a simulation can have; the message names culture, cell and time."""


class OverlappingCall(LivnError, RuntimeError):
    """A step or reset of an environment was asked for while another thread was in one."""


class RunStopped(LivnError, RuntimeError):
    """A run ended early because it was asked to stop; it has not happened."""


class UnsupportedModel(LivnError, NotImplementedError):
    """A backend has no implementation of a model or feature."""


class CorruptData(LivnError, OSError):
    """A file or download is damaged, truncated or not what its checksum says.

    Files that cannot be reached are ``StorageError``, files of another kind ``InvalidInput``.
    """


class DownloadFailed(LivnError, OSError):
    """A download did not finish: no connection, an error of the server, too slow or too large."""


class LivnWarning(UserWarning):
    """Base of every warning that livn_gym gives."""


class ElectrodeWarning(LivnWarning):
    """Electrodes record no cell, as when their positions are in another unit."""


class PluginWarning(LivnWarning):
    """An installed package offers a name that livn_gym itself has; livn_gym's is used."""


class StorageError(LivnError, OSError):
    """A file or folder cannot be read, written or trusted (permissions, a full disk, an owner); nothing is damaged."""


class NonConforming(LivnError, AssertionError):
    """An environment does not do what every environment of the suite does; see ``livn_gym.testing``."""


_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80


def shown(value: object) -> str:
    """``repr`` of what was given, for a message: at most some 80 characters, and never an error itself."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return f"an integer of {value.bit_length()} bits"  # Python refuses to write very long integers
    try:
        return _REPR.repr(value)
    except Exception as error:  # noqa: BLE001 - the repr of somebody else's object
        return f"an object of type {type(value).__name__} ({type(error).__name__} in its repr)"


def _likely(given: str, names: list[str]) -> list[str]:
    """The names to suggest from: of weight keys those of the given projection, never those of the opposite one.

    EXC_INH and INH_EXC are near as strings and far in meaning.
    """
    projection = _projection(given)
    pre, line, post = projection.partition("_")
    if not line or pre == post:
        return names
    same = [name for name in names if _projection(name) == projection]
    # livn's keys are POST_PRE: there INH_EXC with AMPA is the synapse from EXC, not ours from INH with GABA_A.
    receptors = {part for name in names for part in name.split("-")[2:-1]} & set(given.split("-"))
    if receptors:
        same = [name for name in same if receptors & set(name.split("-"))]
        if not same and any(_projection(name) == projection for name in names):
            return []
    return same or [name for name in names if _projection(name) != f"{post}_{pre}"]


def _projection(name: str) -> str:
    """``PRE_POST`` of a weight key."""
    return name.removeprefix("weight-").partition("-")[0].upper()


def unknown_name(kind: str, given: object, allowed: Iterable[object]) -> UnknownName:
    """Build the error for a name that is not among the allowed ones.

    Args:
        kind: What the name stands for, e.g. ``"population"``.
        given: The name that was given.
        allowed: Every valid name.

    Returns:
        An ``UnknownName`` whose message lists the valid names and the nearest one.
    """
    return UnknownName(f"Unknown {kind} {shown(given)}.{_valid(given, allowed)}")


def unknown_option(owner: str, given: object, allowed: Iterable[object]) -> UnknownOption:
    """Build the error for a keyword argument that ``owner`` does not have.

    The message begins as Python's own, by which libraries recognise it: TorchRL's ``GymEnv`` calls every environment
    with a ``frameskip`` and takes the answer "unexpected keyword argument 'frameskip'" for a no.

    Args:
        owner: What was called.
        given: The keyword that was given.
        allowed: Every valid keyword.

    Returns:
        An ``UnknownOption`` whose message lists the valid keywords and the nearest one.
    """
    return UnknownOption(f"{owner} got an unexpected keyword argument {str(given)!r}.{_valid(given, allowed)}")


def unknown_attribute(owner: str, given: object, allowed: Iterable[object]) -> UnknownAttribute:
    """Build the error for an attribute that the environments of ``owner`` do not have.

    Args:
        owner: The vector environment.
        given: The attribute's name.
        allowed: Every valid name.
    """
    return UnknownAttribute(f"The environments of {owner} have no attribute {shown(given)}.{_valid(given, allowed)}")


def _valid(given: object, allowed: Iterable[object]) -> str:
    names = [str(name) for name in allowed]
    nearest = get_close_matches(given, _likely(given, names), n=1, cutoff=0.5) if isinstance(given, str) else []
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    listed = ", ".join(repr(name) for name in names) if names else "none"
    return f"{hint} Valid: {listed}."
