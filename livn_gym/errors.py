"""Exceptions and warnings of the package. Messages state the given value, what is allowed, and the nearest name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from reprlib import Repr

from gymnasium.error import ClosedEnvironmentError


class LivnError(Exception):
    """Base class of all errors that livn_gym raises."""


class InvalidInput(LivnError, ValueError):
    """An argument has a value that is not allowed."""


class LimitExceeded(InvalidInput):
    """A stimulus exceeds a limit of a device; the message names limit, channel, the given and the allowed value.

    Attributes:
        limit: Name of the limit, as ``"max_rate_hz"``.
        channel: Number of the channel; None for a limit of the whole device.
    """

    limit: str = ""
    channel: int | None = None


class OutOfRange(InvalidInput, IndexError):
    """An index is out of range; also an ``IndexError``, which ends iteration over a sequence."""


class UnknownName(InvalidInput, KeyError):
    """A name (weight, noise key, population, system, task) does not exist."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        """Return the message as written."""
        return str(self.args[0])


class UnknownOption(UnknownName, TypeError):
    """A keyword argument does not exist; also a ``TypeError``, as in every Python function and in Gymnasium."""


class UnknownAttribute(UnknownName, AttributeError):
    """An attribute does not exist; also an ``AttributeError``."""


class ClosedError(LivnError, RuntimeError):
    """An operation was called on an environment that is closed or not initialised."""


class ClosedEnvironment(ClosedError, ClosedEnvironmentError):
    """A Gymnasium environment was used after ``close``; also Gymnasium's ``ClosedEnvironmentError``."""


class NotRecorded(LivnError, RuntimeError):
    """Data was requested that the run did not record."""


class BackendError(LivnError, RuntimeError):
    """A simulator failed; the message contains its traceback or output."""


class BackendUnavailable(BackendError, ImportError):
    """A simulator or another required package or program is not installed."""


class ImportFailed(LivnError, ImportError):
    """Code that a name or reference stands for raised an error when it was imported; the message names its origin."""


class WorkerError(BackendError):
    """A rank failed; the message contains its traceback, or states that its process has ended."""


class SimulationDiverged(LivnError, ArithmeticError):
    """A membrane voltage left the valid range; the message names culture, cell and time."""


class OverlappingCall(LivnError, RuntimeError):
    """A step or reset of an environment was called while another thread was executing one."""


class DeviceStopped(LivnError, RuntimeError):
    """A session of stimulation was stopped; the device refuses everything until a new session begins."""


class RunStopped(LivnError, RuntimeError):
    """A run was stopped before its end; it has no effect on the cultures."""


class LivingTissue(LivnError, RuntimeError):
    """Code that may only reach simulated cultures found a real device, which was not opened."""


class UnsupportedModel(LivnError, NotImplementedError):
    """A backend does not support a model or feature."""


class CorruptData(LivnError, OSError):
    """A file or download is damaged or truncated, or does not match its checksum.

    Files that cannot be accessed raise ``StorageError``, files of another type ``InvalidInput``.
    """


class DownloadFailed(LivnError, OSError):
    """A download failed: no connection, a server error, too slow or too large."""


class LivnWarning(UserWarning):
    """Base class of all warnings of livn_gym."""


class ElectrodeWarning(LivnWarning):
    """Electrodes record no cell, for example because their positions are in another unit."""


class PluginWarning(LivnWarning):
    """An installed package offers a name that livn_gym itself has; livn_gym's is used."""


class StorageError(LivnError, OSError):
    """A file or folder cannot be read, written or trusted (permissions, full disk, ownership), but is not damaged."""


class NonConforming(LivnError, AssertionError):
    """An environment or a device driver fails a conformance check, see ``livn_gym.testing``."""


_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 80


def shown(value: object) -> str:
    """Return the ``repr`` of a value for a message, with at most about 80 characters; it never raises."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return f"an integer of {value.bit_length()} bits"  # Python raises for the decimal digits of very long integers
    try:
        return _REPR.repr(value)
    except Exception as error:  # noqa: BLE001 - the repr of a foreign object may raise anything
        return f"an object of type {type(value).__name__} ({type(error).__name__} in its repr)"


def _likely(given: str, names: list[str]) -> list[str]:
    """Return candidates for a suggestion: for a weight key those of its projection, never of the opposite one.

    EXC_INH and INH_EXC are similar as strings but have opposite meanings.
    """
    projection = _projection(given)
    pre, line, post = projection.partition("_")
    if not line or pre == post:
        return names
    same = [name for name in names if _projection(name) == projection]
    # In livn, keys are POST_PRE: its INH_EXC with AMPA is the synapse from EXC, ours from INH with GABA_A.
    receptors = {part for name in names for part in name.split("-")[2:-1]} & set(given.split("-"))
    if receptors:
        same = [name for name in same if receptors & set(name.split("-"))]
        if not same and any(_projection(name) == projection for name in names):
            return []
    return same or [name for name in names if _projection(name) != f"{post}_{pre}"]


def _projection(name: str) -> str:
    """Return ``PRE_POST`` of a weight key."""
    return name.removeprefix("weight-").partition("-")[0].upper()


def unknown_name(kind: str, given: object, allowed: Iterable[object]) -> UnknownName:
    """Build the error for a name that is not among the allowed ones.

    Args:
        kind: Kind of thing that the name denotes, for example ``"population"``.
        given: The name that was given.
        allowed: Every valid name.

    Returns:
        An ``UnknownName`` whose message lists the valid names and the nearest one.
    """
    return UnknownName(f"Unknown {kind} {shown(given)}.{_valid(given, allowed)}")


def unknown_option(owner: str, given: object, allowed: Iterable[object]) -> UnknownOption:
    """Build the error for a keyword argument that ``owner`` does not have.

    The message begins like that of Python, because libraries recognise it: TorchRL's ``GymEnv`` calls every
    environment with ``frameskip`` and expects "unexpected keyword argument 'frameskip'" if it is not supported.

    Args:
        owner: Name of the function or class that was called.
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
