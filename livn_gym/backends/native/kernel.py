"""One culture advanced step by step: samples, stimulus, arriving spikes, cells, new spikes."""

from __future__ import annotations

import numba
import numpy as np

from livn_gym.backends.native.cache import cached
from livn_gym.backends.native.cells import booth_rinzel_kiehn, pinsky_rinzel
from livn_gym.backends.native.elementary import OPTIONS
from livn_gym.backends.native.layout import ABOVE, AMP_D, AMP_S, E_IN, G_IN, SIZE, V_D, V_S, W
from livn_gym.backends.native.membrane import advance, any_above, gather
from livn_gym.backends.native.noise import draw

CELLS = (booth_rinzel_kiehn, pinsky_rinzel)
"""A block's kind is its cell's place here; ``run`` takes them in this order."""

_booth_rinzel_kiehn, _pinsky_rinzel = booth_rinzel_kiehn.step, pinsky_rinzel.step
_ROUNDING = 1099511627776.0  # arriving conductances are multiples of 2**-40 uS, so that their sum has no order


@numba.njit(**OPTIONS)
def apply_stimulus(state, columns, gain, scale, mode, reversal_mV, lanes):
    """Set every cell's input from the stimulus's columns; see ``backend.MODES``."""
    for cell in range(len(lanes)):
        value = 0.0
        if gain.shape[0] > 0:
            for column in range(len(columns)):
                value += gain[cell, column] * columns[column]
        elif len(columns) > 0:
            value = columns[cell]
        value *= scale[cell]
        lane = lanes[cell]
        state[AMP_S * W + lane] = value if mode != 1 else 0.0
        state[AMP_D * W + lane] = -value if mode == 2 else 0.0
        state[G_IN * W + lane] = value if mode == 1 else 0.0
        state[E_IN * W + lane] = reversal_mV if mode == 1 else 0.0


@numba.njit(**OPTIONS)
def sample(state, column, coupling, voltage_lanes, voltage, current_lanes, current_soma, current_dendrite):
    """Write a column of the traces; currents by Kirchhoff's law, as in the NEURON backend."""
    for row in range(len(voltage_lanes)):
        voltage[row, column] = state[V_S * W + voltage_lanes[row]]
    for row in range(len(current_lanes)):
        lane = current_lanes[row]
        v = state[V_S * W + lane]
        axial = coupling[row] * (state[V_D * W + lane] - v)
        given = state[G_IN * W + lane] * (state[E_IN * W + lane] - v)
        current_soma[row, column] = axial + state[AMP_S * W + lane] + given
        current_dendrite[row, column] = state[AMP_D * W + lane] - axial


@cached
def run(
    state, origin, begin, stop, key, threshold, dt_ms,
    kinds, first_gids, counts, populations, cell_parameters, membrane_parameters,
    edge_start, edge_delay, edge_target, edge_weight, U, tau_rec,
    resources, last_spike, flying_cell, flying_since, flying_edge, flying_x, flying,
    changes, change_column, change_value, columns, gain, scale, mode, reversal_mV, lanes,
    every, coupling, voltage_lanes, voltage, current_lanes, current_soma, current_dendrite,
    spike_step, spike_gid,
):  # fmt: skip
    """Advance one culture from step ``begin`` to ``stop`` of a run that started at its step ``origin``.

    Returns:
        How many spikes were found, and how many are on their way to synapses.
    """
    found = 0
    change = np.searchsorted(changes, begin)
    for step in range(begin, stop):
        now = origin + step
        if every > 0 and step % every == 0:
            sample(
                state, step // every, coupling, voltage_lanes, voltage, current_lanes, current_soma, current_dendrite
            )
        if step == 0 or (change < len(changes) and changes[change] == step):
            while change < len(changes) and changes[change] == step:
                columns[change_column[change]] = change_value[change]
                change += 1
            apply_stimulus(state, columns, gain, scale, mode, reversal_mV, lanes)
        left = 0
        for spike in range(flying):
            cell, edge, x = flying_cell[spike], flying_edge[spike], flying_x[spike]
            age = now - flying_since[spike]
            end = edge_start[cell + 1]
            while edge < end and edge_delay[edge] == age:
                state[edge_target[edge]] += np.floor(edge_weight[edge] * x * _ROUNDING + 0.5) / _ROUNDING
                edge += 1
            if edge < end:
                flying_cell[left], flying_since[left] = cell, flying_since[spike]
                flying_edge[left], flying_x[left] = edge, x
                left += 1
        flying = left
        for b in range(len(kinds)):
            block = state[b * SIZE : (b + 1) * SIZE]
            membrane = membrane_parameters[populations[b]]
            draw(block, now, first_gids[b], key)
            gather(block, membrane)
            if kinds[b] == 0:
                _booth_rinzel_kiehn(block, cell_parameters[populations[b]])
            else:
                _pinsky_rinzel(block, cell_parameters[populations[b]])
            advance(block, membrane)
            if any_above(block, threshold):
                for lane in range(counts[b]):
                    above = block[V_S * W + lane] > threshold
                    if above and block[ABOVE * W + lane] == 0.0:
                        cell = first_gids[b] + lane
                        spike_step[found], spike_gid[found] = now + 1, cell
                        found += 1
                        rested = np.exp(-(now + 1 - last_spike[cell]) * dt_ms / tau_rec[cell])
                        x = 1.0 - (1.0 - resources[cell]) * rested
                        last_spike[cell] = now + 1
                        resources[cell] = x * (1.0 - U[cell])
                        if edge_start[cell] < edge_start[cell + 1]:
                            flying_cell[flying], flying_since[flying] = cell, now + 1
                            flying_edge[flying], flying_x[flying] = edge_start[cell], x
                            flying += 1
                    block[ABOVE * W + lane] = 1.0 if above else 0.0
    return found, flying
