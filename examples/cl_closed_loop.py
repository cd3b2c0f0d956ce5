"""Closed loop in the API of a Cortical Labs CL1: stimulate, count the spikes that follow, and choose the next current.

It runs unmodified on a CL1 (``python cl_closed_loop.py``) and on a simulated culture
(``livn-gym cl run --seed 1 examples/cl_closed_loop.py [--short]``).
"""

import argparse

import cl
from cl import ChannelSet, StimDesign

TICKS_PER_SECOND = 200
LISTEN_MS = (5.0, 100.0)  # after a pulse: later than its artefact and the cells that it excites directly
GROUPS = {
    "upper left": ChannelSet(9, 10, 17, 18),
    "centre": ChannelSet(27, 28, 35, 36),
    "lower right": ChannelSet(45, 46, 53, 54),
}
CURRENTS_UA = (0.0, 1.0, 2.0, 3.0)


def responses(neurons, trials):
    """Stimulate one group every half second; return the spikes that each pulse evoked, by group and current."""
    counts = {(group, current): [] for group in GROUPS for current in CURRENTS_UA}
    order = [pulse for _ in range(trials) for pulse in counts]
    frames_per_ms = neurons.get_frames_per_second() / 1000
    stimulated, sent = None, iter(order)
    for tick in neurons.loop(TICKS_PER_SECOND, stop_after_ticks=(len(order) + 1) * TICKS_PER_SECOND // 2):
        if tick.iteration % (TICKS_PER_SECOND // 2) == 0:
            group, current = next(sent, (None, None))
            if group is None:
                break
            counts[group, current].append(0)
            stimulated = tick.iteration_timestamp
            if current > 0:
                neurons.stim(GROUPS[group], StimDesign(500, -current, 500, current))
        for spike in tick.analysis.spikes:
            after_ms = (spike.timestamp - stimulated) / frames_per_ms
            if LISTEN_MS[0] <= after_ms < LISTEN_MS[1]:
                counts[group, current][-1] += 1
    return counts


def main():
    """Print the mean number of spikes at 5-100 ms after pulses at three places."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="two pulses of each kind instead of ten")
    trials = 2 if parser.parse_args().short else 10
    with cl.open() as neurons:
        counts = responses(neurons, trials)
    print("spikes at 5-100 ms after a pulse, mean of", trials)
    print(f"{'':12}", *(f"{current:6.1f} uA" for current in CURRENTS_UA))
    for group in GROUPS:
        means = [sum(counts[group, current]) / trials for current in CURRENTS_UA]
        print(f"{group:12}", *(f"{mean:9.1f}" for mean in means))


if __name__ == "__main__":
    main()
