"""Response clamp: the probability that a network responds to an electrode's pulses follows a target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from livn_gym.envs.tasks.base import Measurement, Task
from livn_gym.envs.tasks.setup import TaskSetup
from livn_gym.errors import InvalidInput
from livn_gym.units import finite, finite_range, whole_number

CALIBRATION_PULSES = 8
"""Strongest pulses that the calibration gives at each electrode that it tries."""

CALIBRATION_ELECTRODES = 8
"""Electrodes that the calibration tries; on larger arrays they are spread evenly over the channels."""

MAX_SIZE = 4.0
"""Upper bound of the size of a response, as a multiple of the threshold."""


class Responses(NamedTuple):
    """Electrodes of the episodes, with the number of spikes that a response must exceed at each of them."""

    electrodes: tuple[int, ...]
    thresholds: tuple[float, ...]


class ResponseClamp(Task):
    """Response clamp: the amplitude of an electrode's pulses holds the network's response probability at a target.

    ## Description
    An electrode gives a pulse at the beginning of every step. The network responds if more spikes than a threshold
    follow in `window_ms`, in all cells. The cells that the pulse itself excites fire within 2 ms of it, so that
    responses are synaptic. Whether there is one depends on the amplitude, but also on the state of the network: the
    same pulse evokes a response one time and none the next. The probability is the share of responses to the last
    `pulses` pulses. It rises with the amplitude over a range that differs from one electrode to another. The electrode
    of an episode is drawn and not shown, so that the agent must find the dose from responses.

    Not every electrode evokes responses. Before a culture's first episode, eight electrodes give eight of the strongest
    pulses each (`electrode="any"`). Those four that evoke most spikes are the electrodes of all episodes. The threshold
    of an electrode is halfway between the median number of spikes in a window without a pulse and in one after its
    strongest pulse. Electrodes and thresholds depend on the graph and the parameters alone, not on the seed of an
    environment.

    **Share of the network**: 100 % (100 to 100) of the gain on `livn/EI2-ResponseClamp-v0` (`livn-gym validate
    --tasks`).

    ## Action Space
    `Box(-1, 1, (1,), float32)`.

    | num | action                 | min | max | at -1 | at 1 | unit |
    | --- | ---------------------- | --- | --- | ----- | ---- | ---- |
    | 0   | amplitude of the pulse | -1  | 1   | 0     | 15   | uA   |

    ## Observation Space
    `Box(low, high, (5,), float32)`. The decoded recording is not observed.

    | num | observation                                                 | min | max | unit       |
    | --- | ----------------------------------------------------------- | --- | --- | ---------- |
    | 0   | target of the next pulse                                    | 0   | 1   | -          |
    | 1   | whether the network responded to the last pulse             | 0   | 1   | -          |
    | 2   | spikes in the last pulse's window                           | 0   | 4   | thresholds |
    | 3   | share of responses to the last `pulses` pulses              | 0   | 1   | -          |
    | 4   | last action                                                 | -1  | 1   | -          |

    `info` also holds:

    | key                    | meaning                                                                     | unit |
    | ---------------------- | --------------------------------------------------------------------------- | ---- |
    | `target_response`      | target of the next pulse                                                    | -    |
    | `response`             | whether the network responded to the last pulse                             | -    |
    | `response_probability` | share of responses to the last `pulses` pulses                              | -    |
    | `error`                | absolute sum of response - target over the last `pulses` pulses,            | -    |
    |                        | divided by `pulses`                                                         |      |
    | `electrode`            | channel that gives the pulses                                               | -    |
    | `threshold`            | number of spikes that a response exceeds                                    | -    |

    ## Rewards
    `-error`, at most 0. The first pulses of an episode weigh little, since they are too few to estimate a probability.

    ## Starting State
    A settled culture. The electrode and the first target are drawn.

    ## Episode End
    The task never terminates. An episode is truncated after 120 steps (60 s).

    ## Arguments
    In addition to the arguments of every environment (see `CultureEnv`):

    | name        | default                                     | meaning                                       | unit |
    | ----------- | ------------------------------------------- | --------------------------------------------- | ---- |
    | `electrode` | `"any"`                                     | channel that gives the pulses; `"any"` draws  | -    |
    |             |                                             | at every reset one of the four best           |      |
    | `window_ms` | `[5, 100]`                                  | time after the pulse in which spikes count    | ms   |
    | `pulses`    | 20                                          | pulses over which the probability is taken    | -    |
    | `target`    | `[0.3, 0.6]`                                | probability, or the range from which targets  | -    |
    |             |                                             | are drawn uniformly                           |      |
    | `period_ms` | 10000                                       | time between targets                          | ms   |
    | `step_ms`   | 500                                         | two pulses per second, between which synapses | ms   |
    |             |                                             | recover                                       |      |
    | `encoding`  | `{"name": "pulse_amplitude",                | one pulse per step, at its beginning          | -    |
    |             | "rate_hz": 2, "groups": 1}`                 |                                               |      |

    ## References
    Wallach, Eytan, Gal, Zrenner & Marom, Neuronal response clamp, Front Neuroeng 4:3 (2011): a neuron's response
    probability held by the amplitude of the stimulus. Keren & Marom, Controlling neural network responsiveness: tools
    and constraints, Front Neuroeng 7:11 (2014): the same for a network, whose response is the number of spikes after
    the stimulus.

    ## Version History
    * v0: Initial version.
    """

    sees_culture: ClassVar[bool] = False

    @dataclass(frozen=True)
    class Options(Task.Options):
        """Options of ``gym.make``; the task's table of arguments describes them.

        Raises:
            InvalidInput: A number is out of range.
        """

        electrode: int | str = "any"
        window_ms: Sequence[float] = (5.0, 100.0)
        pulses: int = 20
        target: float | Sequence[float] = (0.3, 0.6)
        period_ms: float = 10_000.0

        def __post_init__(self) -> None:
            """Check the ranges."""
            if self.electrode != "any":
                whole_number("electrode", self.electrode, minimum=0)
            start_ms, stop_ms = finite_range("window_ms", self.window_ms, minimum=0.0, maximum=1000.0)
            if start_ms == stop_ms:
                raise InvalidInput(f"window_ms must be a (start, stop) pair with start < stop, got {self.window_ms}.")
            whole_number("pulses", self.pulses)
            finite_range("target", self.target, minimum=0.0, maximum=1.0)
            finite("period_ms", self.period_ms, above=0.0)

    def __init__(self, setup: TaskSetup) -> None:
        super().__init__(setup)
        setup.check_channels("ResponseClamp", features=False)
        channels, electrode = setup.electrodes.num_channels, self.options.electrode
        if electrode != "any" and electrode >= channels:
            raise InvalidInput(f"electrode must be below {channels}, got {electrode}.")
        if 2.0 * self.window_ms[1] > setup.step_ms:
            raise InvalidInput(
                f"window_ms must end within the first half of a step of {setup.step_ms:g} ms, "
                f"got {self.window_ms[1]:g}."
            )
        self._begin(np.random.default_rng(0), 0, 1.0)

    @property
    def window_ms(self) -> tuple[float, float]:
        """First and last time after a pulse at which a spike counts, ms."""
        return finite_range("window_ms", self.options.window_ms, maximum=1000.0)

    @property
    def action_space(self) -> spaces.Box:
        """Space of the amplitude, -1 (no pulse) to 1 (the strongest)."""
        return spaces.Box(-1.0, 1.0, (1,), np.float32)

    @property
    def observation_space(self) -> spaces.Box:
        """Space of target, response, its size, the share of responses and the last action."""
        low, high = np.array([0.0, 0.0, 0.0, 0.0, -1.0]), np.array([1.0, 1.0, MAX_SIZE, 1.0, 1.0])
        return spaces.Box(low.astype(np.float32), high.astype(np.float32))

    @property
    def tried(self) -> NDArray[np.int64]:
        """Channels that the calibration tries."""
        if self.options.electrode != "any":
            return np.array([self.options.electrode])
        channels = self.setup.electrodes.num_channels
        return np.unique(np.linspace(0, channels - 1, CALIBRATION_ELECTRODES).round().astype(np.int64))

    @property
    def calibration(self) -> NDArray:
        """Strongest pulses at each of the electrodes in turn."""
        return np.stack([self._command(electrode, 1.0) for electrode in self.tried] * CALIBRATION_PULSES)

    def calibrated(self, measurements: Sequence[Measurement]) -> Responses:
        """Return the half of the electrodes that evoke most spikes, and their thresholds."""
        start_ms, stop_ms = self.window_ms
        evoked = np.reshape([self._count(m, start_ms, stop_ms) for m in measurements], (CALIBRATION_PULSES, -1))
        end_ms = self.setup.step_ms  # the end of a step is like the time without pulses
        spontaneous = np.median([self._count(m, end_ms - stop_ms + start_ms, end_ms) for m in measurements])
        medians = np.median(evoked, axis=0)  # a burst that a pulse did not evoke would weigh too much in a mean
        best = np.sort(np.argsort(-medians, kind="stable")[: (len(medians) + 1) // 2])
        thresholds = np.maximum((medians[best] + spontaneous) / 2.0, 1.0)
        return Responses(tuple(self.tried[best].tolist()), tuple(thresholds.tolist()))

    def reset(self, rng: np.random.Generator) -> None:
        """Draw the electrode, the first target, and the seed of all later ones."""
        rng = np.random.default_rng(rng.integers(2**63))
        found: Responses = self.setup.calibrated
        k = int(rng.integers(len(found.electrodes)))
        self._begin(rng, found.electrodes[k], found.thresholds[k])

    def _begin(self, rng: np.random.Generator, electrode: int, threshold: float) -> None:
        self._rng, self.electrode, self.threshold = rng, electrode, threshold
        self.target = self._drawn()
        self._next_ms = self.options.period_ms
        self._action, self._count_last = -1.0, 0
        self._past: deque[tuple[bool, float]] = deque(maxlen=self.options.pulses)
        self._error = 0.0

    def _drawn(self) -> float:
        return float(self._rng.uniform(*finite_range("target", self.options.target, maximum=1.0)))

    def _command(self, electrode: int, share: float) -> NDArray:
        """Return the command for a pulse of one electrode with a share of the highest amplitude, ``[C]``."""
        low, high = self.setup.commands.low, self.setup.commands.high
        command = low.copy()
        command[electrode] += share * (high - low)[electrode]
        return command

    def _count(self, measurement: Measurement, start_ms: float, stop_ms: float) -> int:
        """Return the number of recorded spikes from one time of a step to another."""
        assert measurement.recording is not None, "only a step has a response"
        _, _, t = measurement.recording.spikes
        return int(np.count_nonzero((t >= start_ms) & (t < stop_ms)))

    def to_command(self, action: NDArray) -> NDArray:
        """Return the command for a pulse of the episode's electrode, ``[C]``."""
        return self._command(self.electrode, (float(action[0]) + 1.0) / 2.0)

    def after_step(self, measurement: Measurement) -> None:
        """Count the spikes of the response; at the end of a period, draw a new target."""
        assert measurement.action is not None, "only a step has an action"
        self._action = float(measurement.action[0])
        self._count_last = self._count(measurement, *self.window_ms)
        self._past.append((self._count_last > self.threshold, self.target))
        self._error = abs(sum(response - target for response, target in self._past)) / self.options.pulses
        if measurement.time_ms >= self._next_ms - 1e-6:
            self.target = self._drawn()
            self._next_ms += self.options.period_ms

    @property
    def reward(self) -> float:
        """Negative error of the probability."""
        return -self._error

    @property
    def _responses(self) -> tuple[float, float]:
        """Response to the last pulse, 0 or 1, and the share of responses to the last pulses."""
        if not self._past:
            return 0.0, 0.0
        return float(self._past[-1][0]), sum(response for response, _ in self._past) / len(self._past)

    def observe(self, measurement: Measurement) -> NDArray[np.float64]:
        """Return target, last response, its size, the share of responses and the last action, ``[5]``."""
        response, share = self._responses
        return np.array([self.target, response, min(MAX_SIZE, self._count_last / self.threshold), share, self._action])

    def info(self, measurement: Measurement) -> dict[str, float]:
        """Return the next target, the last response, the probability, its error, electrode and threshold."""
        response, share = self._responses
        return {
            "target_response": self.target,
            "response": response,
            "response_probability": share,
            "error": self._error,
            "electrode": float(self.electrode),
            "threshold": float(self.threshold),
        }
