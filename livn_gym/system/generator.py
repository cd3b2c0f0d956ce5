"""Generate a flat culture from a config and a seed, bit for bit equal on every machine.

Positions are whole thousandths of a micrometre, distances are rounded to the same precision, and random numbers are
drawn with Philox counters that identify a cell or a pair of cells. The result therefore depends neither on the order
in which blocks of pairs are processed nor on the vector width of the processor.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from livn_gym import numerics
from livn_gym.checks import checked
from livn_gym.errors import CorruptData, InvalidInput, shown
from livn_gym.reading import max_bytes
from livn_gym.system.generator_config import Area, ElectrodeGrid, GeneratorConfig
from livn_gym.system.system import Population, Projection, System
from livn_gym.units import whole_number

# Philox streams of a graph, distinct from the small numbers of noise trials under the same seed.
_POSITIONS, _DENDRITES, _CONNECTIONS, _SCALES, _CELLS = (0x67726100 + i for i in range(5))

_ONE = 2.0**32
"""Probabilities are whole multiples of 2**-32, like the random words with which they are compared."""

_BLOCK_PAIRS = 1 << 20
"""Number of pairs of cells per block, which limits memory to 8 MB per array."""

_SYNAPSE_BYTES = 80
"""Memory per synapse: five arrays, and as much again while they are sorted."""

Ints = NDArray[np.int64]


def generate(config: GeneratorConfig, seed: int | None = None) -> System:
    """Generate the system of a config.

    Two cells at a distance d up to the cutoff connect with probability ``min(1, A exp(-d**2 / (2 sigma**2)))``. A is
    chosen so that the expected in-degree, averaged over the postsynaptic cells of the projection, is that of the
    config. Cells never connect to themselves.

    Args:
        config: Config of the generator.
        seed: Seed of positions, dendrites, connections and strengths, below 2**64. Default: the seed in the config.

    Raises:
        InvalidInput: The seed is out of range, or an in-degree cannot be reached within the cutoff.
        CorruptData: The config states a SHA-256 for its seed, and the generated arrays have a different one.
    """
    if not isinstance(config, GeneratorConfig):
        raise InvalidInput(f"config must be a GeneratorConfig, got {shown(config)}.")
    seed = config.seed if seed is None else whole_number("A graph seed", seed, minimum=0)
    needed = _SYNAPSE_BYTES * config.num_synapses
    if needed > max_bytes():
        raise InvalidInput(
            f"{config.name} has about {config.num_synapses:,} synapses, which need {needed / 2**30:.1f} GiB; this "
            f"machine has memory for {max_bytes() / 2**30:.1f}."
        )
    count = config.populations[-1].stop
    milli = _positions(config.area, np.arange(count), seed)
    cosine, sine = numerics.direction(
        numerics.philox2x32(np.arange(count), 0, numerics.stream_key(seed, _DENDRITES))[0]
    )
    projections = tuple(
        _projection(config, pre, post, milli, seed)
        for pre in config.populations
        for post in config.populations
        if (pre.name, post.name) in config.in_degree
    )
    system = System(
        name=config.name,
        populations=config.populations,
        positions=np.column_stack([milli, np.zeros(count)]) / 1e3,
        dendrites=np.rint(np.column_stack([cosine, sine]) * 1e6) / 1e6,
        projections=projections,
        electrodes=electrode_grid(config.area, config.electrodes),
        bounding_box=np.array([[0.0, 0.0, 0.0], [config.area.width_um, config.area.height_um, 0.0]]),
        output_radius_um=config.output_radius_um,
        input_radius_um=config.input_radius_um,
        heterogeneity={key: _factors(config, key, cv, seed) for key, cv in config.heterogeneity.items()},
    )
    if config.sha256 is not None and seed == config.seed and system.sha256() != config.sha256:
        raise CorruptData(
            f"{config.name} generated from seed {seed} has the SHA-256 {system.sha256()}, its config states "
            f"{config.sha256}. If you edited the config, remove its line sha256 = ...; otherwise this machine computes "
            "differently."
        )
    return system


@checked
def electrode_grid(area: Area, grid: ElectrodeGrid) -> NDArray[np.float64]:
    """Return the positions of an electrode grid centred on an area, um ``[C, 3]``, row by row."""
    x = area.width_um / 2 + (np.arange(grid.columns) - (grid.columns - 1) / 2) * grid.pitch_um
    y = area.height_um / 2 + (np.arange(grid.rows) - (grid.rows - 1) / 2) * grid.pitch_um
    xyz = np.zeros((grid.rows * grid.columns, 3))
    xyz[:, 0], xyz[:, 1] = np.tile(x, grid.rows), np.repeat(y, grid.columns)
    return np.rint(xyz * 1e3) / 1e3


def _positions(area: Area, gids: Ints, seed: int) -> Ints:
    """Draw uniform positions in the area, ``[N, 2]`` in thousandths of um."""
    words = numerics.philox2x32(gids, 0, numerics.stream_key(seed, _POSITIONS))
    if area.shape == "disk":
        radius = area.width_um * 1e3 / 2
        r = radius * np.sqrt((words[0].astype(np.float64) + 0.5) / _ONE)
        xy = [radius + r * component for component in numerics.direction(words[1])]
    else:
        sizes = (area.width_um * 1e3, area.height_um * 1e3)
        xy = [size * ((word.astype(np.float64) + 0.5) / _ONE) for size, word in zip(sizes, words, strict=True)]
    return np.rint(np.column_stack(xy)).astype(np.int64)


def _projection(config: GeneratorConfig, pre: Population, post: Population, milli: Ints, seed: int) -> Projection:
    """Draw the synapses from one population onto another."""
    threshold = _thresholds(config, pre, post, milli)
    key = numerics.stream_key(seed, _CONNECTIONS)
    blocks: list[tuple[Ints, Ints, Ints]] = []
    for pre_gid, post_gid, distance in _pairs(pre, post, milli, len(threshold) - 1):
        drawn = numerics.philox2x32(pre_gid, post_gid, key)[0] < threshold[distance]
        blocks.append((pre_gid[drawn], post_gid[drawn], distance[drawn]))
    pre_gid, post_gid, distance = (np.concatenate(columns) for columns in zip(*blocks, strict=True))
    order = np.lexsort((pre_gid, post_gid))
    pre_gid, post_gid, distance = pre_gid[order], post_gid[order], distance[order]
    site = config.synapses[pre.name]
    return Projection(
        pre=pre.name,
        post=post.name,
        section=site.section,
        receptors=site.receptors,
        pre_gid=pre_gid,
        post_gid=post_gid,
        distance_um=distance / 1e3,
        delay_ms=_delays(config, distance / 1e3),
        scale=_scales(config.scale_cv, pre_gid, post_gid, seed),
    )


def _thresholds(config: GeneratorConfig, pre: Population, post: Population, milli: Ints) -> NDArray[np.uint64]:
    """Return the connection probability times 2**32 at distances of 0, 1, 2, ... thousandths of um up to the cutoff.

    The expected number of synapses is a sum of integers over a histogram of the distances; it is exact and does not
    depend on the order of the pairs.
    """
    extent = milli.max(axis=0) - milli.min(axis=0)
    cutoff = min(round(config.cutoff_um * 1e3), int(extent.sum()))  # the largest possible distance
    histogram = np.zeros(cutoff + 1, dtype=np.int64)
    for _, _, distance in _pairs(pre, post, milli, cutoff):
        histogram += np.bincount(distance, minlength=cutoff + 1)
    in_degree = config.in_degree[pre.name, post.name]
    target = round(in_degree * post.count * _ONE)
    reachable = int(histogram.sum())
    if target > reachable * int(_ONE):
        raise InvalidInput(
            f"in_degree {pre.name}_{post.name} = {in_degree:g} cannot be reached: within cutoff_um = "
            f"{config.cutoff_um:g} a {post.name} cell has {reachable / post.count:.4g} {pre.name} "
            "cells on average."
        )
    ratio = np.arange(cutoff + 1) / 1e3 / config.sigma_um
    kernel = numerics.exp(-0.5 * ratio * ratio)
    occurring = np.nonzero(histogram)[0]
    pair_counts, kernel_values = histogram[occurring].astype(np.uint64), kernel[occurring]

    def enough(amplitude: float) -> bool:
        # uint64 holds the sum for up to 2**32 pairs within the cutoff
        return int((pair_counts * _words(amplitude, kernel_values)).sum()) >= target

    low, high = 0.0, 1.0
    while not enough(high):
        low, high = high, 2.0 * high
    for _ in range(53):  # to the last bit of a float64
        middle = 0.5 * (low + high)
        low, high = (low, middle) if enough(middle) else (middle, high)
    return _words(high, kernel)


def _words(amplitude: float, kernel: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return the probabilities ``min(1, amplitude * kernel)`` in units of 2**-32."""
    return np.rint(np.minimum(1.0, amplitude * kernel) * _ONE).astype(np.uint64)


def _pairs(pre: Population, post: Population, milli: Ints, cutoff: int) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Give all pairs of different cells within the cutoff, in blocks of pre gid, post gid and distance.

    The plane is divided into squares with the cutoff as edge, so that partners of a cell are in the 3 x 3 squares
    around it.
    """
    square = milli // max(cutoff, 1)
    members = {name: _by_square(population, square) for name, population in (("pre", pre), ("post", post))}
    none = np.empty(0, dtype=np.int64)
    for (column, row), targets in members["post"].items():
        around = [(column + dx, row + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        sources = np.concatenate([members["pre"].get(neighbour, none) for neighbour in around])
        if not len(sources):
            continue
        rows = max(1, _BLOCK_PAIRS // len(sources))
        for start in range(0, len(targets), rows):
            block = targets[start : start + rows, None]
            dx, dy = milli[sources, 0] - milli[block, 0], milli[sources, 1] - milli[block, 1]
            distance = np.rint(np.sqrt((dx * dx + dy * dy).astype(np.float64))).astype(np.int64)
            i, j = np.nonzero((distance <= cutoff) & (sources != block))
            yield sources[j], block[i, 0], distance[i, j]
    yield none, none, none


def _by_square(population: Population, square: Ints) -> dict[tuple[int, int], Ints]:
    """Group the gids of a population by the square that contains the cell."""
    gids = population.gids
    order = gids[np.lexsort((square[gids, 1], square[gids, 0]))]
    change = np.any(np.diff(square[order], axis=0) != 0, axis=1)
    groups = np.split(order, np.nonzero(change)[0] + 1)
    return {(int(square[g[0], 0]), int(square[g[0], 1])): g for g in groups}


def _delays(config: GeneratorConfig, distance_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the base delay plus conduction time, as multiples (at least one) of the resolution, ms ``[E]``."""
    delay = config.delay_base_ms + distance_um / config.velocity_um_per_ms
    steps = np.maximum(np.rint(delay / config.delay_resolution_ms), 1.0)
    return steps * round(config.delay_resolution_ms * 1e3) / 1e3


def _scales(cv: float, pre_gid: Ints, post_gid: Ints, seed: int) -> NDArray[np.float64]:
    """Draw log-normal strengths with a mean of 1, ``[E]``, multiples of 1e-3 and at least 1e-3."""
    return _log_normal(cv, numerics.normal(pre_gid, post_gid, numerics.stream_key(seed, _SCALES))[0])


def _factors(config: GeneratorConfig, key: str, cv: float, seed: int) -> NDArray[np.float64]:
    """Draw the factors of a constant for all cells of a population, ``[n]``; they do not depend on other keys."""
    name, _, constant = key.partition("-")
    gids = next(population.gids for population in config.populations if population.name == name)
    return _log_normal(cv, numerics.normal(gids, zlib.crc32(constant.encode()), numerics.stream_key(seed, _CELLS))[0])


def _log_normal(cv: float, z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log-normal numbers with a mean of 1 from standard normal ones; multiples of 1e-3 and at least 1e-3."""
    variance = numerics.log(1.0 + cv * cv)
    return np.maximum(np.rint(numerics.exp(np.sqrt(variance) * z - 0.5 * variance) * 1e3), 1.0) / 1e3
