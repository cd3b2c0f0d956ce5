"""The native engine gives NEURON's spikes, whatever else runs beside a culture."""

import os
import subprocess
import sys
from dataclasses import fields, replace

import numba
import numpy as np
import pytest
from cultures import Lab, equal, system

from livn_gym import processors
from livn_gym.backends import CultureSpec
from livn_gym.backends.native import NativeBackend
from livn_gym.backends.native.arithmetic import exp32, exp64
from livn_gym.backends.native.layout import layouts
from livn_gym.env import Env
from livn_gym.errors import InvalidInput, UnsupportedModel
from livn_gym.models import Cell, ReducedCalciumSomaDendrite
from livn_gym.numerics import NoiseStream
from livn_gym.parameters import ParameterSet, tuned
from livn_gym.recording_request import RecordingRequest
from livn_gym.stimulus import Stimulus
from livn_gym.system import make

SETTINGS = [(dt, scheme) for dt in (0.025, 0.05, 0.1) for scheme in ("backward_euler", "second_order")]
QUIET = {"std_e": 0.0, "std_i": 0.0}


def on_both(run):
    return [run(backend) for backend in ("native", "neuron")]


def same_spikes(native, neuron):
    return np.array_equal(native.spike_gid, neuron.spike_gid) and np.array_equal(native.spike_t, neuron.spike_t)


@pytest.mark.parametrize(("dt", "scheme"), SETTINGS)
def test_single_cells_follow_neuron(dt, scheme):
    """Both cells under steady currents for 300 ms: the same spikes, and voltages equal but for grown rounding.

    At 0.1 ms and second order a motoneuron under less current (0.05 to 0.1 nA) fires irregularly, an artefact of the
    step, and the 1e-10 mV by which NEURON's numerical derivative differs grow to a step within 105 to 190 ms.
    """

    def run(backend):
        with Lab(system(1, 1), backend=backend, dt=dt, scheme=scheme) as lab:
            return lab.run(300.0, Stimulus(np.array([[0.2, 0.06]]), 300.0))[0]

    native, neuron = on_both(run)
    assert len(neuron.spike_t) > 30
    assert same_spikes(native, neuron)
    early = round(10.0 / dt)
    assert np.abs(native.voltage - neuron.voltage)[..., :early].max() < 1e-6
    assert np.abs(native.current_soma - neuron.current_soma)[..., :early].max() < 1e-8


@pytest.mark.parametrize(("dt", "scheme"), SETTINGS)
def test_coupled_cells_follow_neuron(dt, scheme):
    culture = system(1, 1, [(0, 1, 1.0), (1, 0, 1.5)])
    weights = dict.fromkeys((f"weight-{name}" for name in culture.weight_names), 1.0)
    params = weights | {"depression-EXC-U": 0.3}

    def run(backend):
        with Lab(culture, backend=backend, dt=dt, scheme=scheme, params=params) as lab:
            return lab.run(300.0, Stimulus(np.array([[0.2, 0.0]]), 300.0), traces=False)[0]

    native, neuron = on_both(run)
    assert {0, 1} <= set(neuron.spike_gid)
    assert same_spikes(native, neuron)


@pytest.mark.parametrize("name", ["EI1", "EI2"])
@pytest.mark.parametrize(("dt", "scheme"), SETTINGS)
def test_stimulated_cultures_follow_neuron(name, dt, scheme):
    def run(backend):
        with Env(make(name), backend=backend, dt=dt, scheme=scheme).init() as env:
            env.apply_model_defaults().set_noise(QUIET).record_spikes()
            amplitudes = np.full(env.io.num_channels, 15.0)
            return env.run(200, Stimulus.pulse_train(amplitudes, duration_ms=200, rate_hz=40))

    native, neuron = on_both(run)
    assert len(neuron.spike_t) > 5
    assert same_spikes(native, neuron)


@pytest.mark.parametrize("stimulated", [False, True])
def test_a_noisy_culture_follows_neuron_for_300_ms(stimulated):
    def run(backend):
        with Env(make("EI2"), backend=backend, seed=1).init() as env:
            env.apply_model_defaults().record_spikes()
            pulses = Stimulus.pulse_train(np.full(16, 7.5), duration_ms=300, rate_hz=20)
            return env.run(300, pulses if stimulated else None)

    native, neuron = on_both(run)
    assert len(neuron.spike_t) > 100
    assert same_spikes(native, neuron)


@pytest.mark.parametrize("mode", ["current", "current_density", "conductance", "extracellular"])
def test_every_kind_of_stimulus_follows_neuron(mode):
    size = {"current": 0.1, "current_density": 30.0, "conductance": 0.01, "extracellular": 40.0}[mode]
    stimulus = Stimulus(np.tile([[size, size / 2, 0.0], [0.0, 0.0, size]], (10, 1)), 5.0, mode)

    def run(backend):
        with Lab(system(2, 1), backend=backend) as lab:
            return lab.run(100.0, stimulus)[0]

    native, neuron = on_both(run)
    assert same_spikes(native, neuron)
    assert np.abs(native.voltage - neuron.voltage)[..., :400].max() < 1e-6
    assert np.abs(native.current_soma - neuron.current_soma)[..., :400].max() < 1e-8
    assert np.abs(native.current_dendrite - neuron.current_dendrite)[..., :400].max() < 1e-8


@pytest.mark.slow
def test_rates_over_10_s_agree_with_neuron():
    """Past the time at which rounding has grown, spike counts of 1 s agree within their own scatter."""

    def run(backend):
        with Env(make("EI2"), backend=backend, seed=4).init() as env:
            env.apply_model_defaults().record_spikes().run(1000)
            times = env.run(10_000).spike_t
            return np.histogram(times, np.arange(0, 10_001, 1000))[0]

    native, neuron = on_both(run)
    error = np.sqrt((native.var(ddof=1) + neuron.var(ddof=1)) / 10)
    assert abs(native.mean() - neuron.mean()) < 3 * error


def build(culture, seeds, params=None, precision="float64", threads=None):
    backend = NativeBackend(threads)
    parameters = ParameterSet(culture).updated(params or tuned(culture)).frozen()
    spec = CultureSpec(culture, ReducedCalciumSomaDendrite(), 0.025, "backward_euler", len(seeds), precision)
    backend.build(spec, parameters, [NoiseStream(seed) for seed in seeds])
    return backend


def everything(culture, sample_steps=40):
    gids = culture.gids()
    return RecordingRequest(gids, gids, gids, sample_steps)


def run_ei2(seeds, **options):
    culture = make("EI2")
    backend = build(culture, seeds, **options)
    try:
        return backend.run(4000, None, everything(culture)).cultures
    finally:
        backend.close()


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_neither_batch_nor_threads_nor_position_matter(precision):
    alone = run_ei2([7], threads=1, precision=precision)[0]
    assert len(alone.spike_t) > 10
    for seeds, threads in (([1, 7, 3, 7], 1), ([7, 2, 3], 3), ([4, 5, 7], 2)):
        results = run_ei2(seeds, threads=threads, precision=precision)
        assert all(equal(results[b], alone) for b, seed in enumerate(seeds) if seed == 7)
        assert not equal(results[seeds.index(3 if 3 in seeds else 4)], alone)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_runs_in_parts_are_the_run_in_one(precision):
    """Cuts at odd steps, with spikes under way and at the very end of parts."""
    culture = make("EI2")
    whole = run_ei2([7], precision=precision)[0]
    backend = build(culture, [7], precision=precision)
    request = RecordingRequest(culture.gids())
    times, gids, start = [], [], 0
    for steps in (1, 2, 997, 13, 1987, 1000):
        part = backend.run(steps, None, request)
        times.append(np.rint(part.spike_t / 0.025) + start)
        gids.append(part.spike_gid)
        start += steps
    backend.close()
    assert np.array_equal(np.concatenate(times), np.rint(whole.spike_t / 0.025))
    assert np.array_equal(np.concatenate(gids), whole.spike_gid)


@pytest.mark.parametrize("steps", [1500, 2001])
def test_a_reset_culture_is_new_and_the_others_go_on(steps):
    culture = make("EI2")
    backend = build(culture, [5, 6, 7], threads=1)
    undisturbed = build(culture, [5, 6, 7], threads=1)
    request = everything(culture)
    pulses = Stimulus.pulse_train(np.full(100, 0.2), duration_ms=20, mode="current")
    for each in (backend, undisturbed):
        each.run(steps, pulses, request)
    backend.reset({1: NoiseStream(9)})
    after, expected = (each.run(2000, None, request).cultures for each in (backend, undisturbed))
    new = build(culture, [9], threads=1)
    assert equal(after[1], new.run(2000, None, request))
    assert equal(after[0], expected[0]) and equal(after[2], expected[2])
    for each in (backend, undisturbed, new):
        each.close()


def test_the_order_of_edges_does_not_matter():
    culture = make("EI2")
    rng = np.random.default_rng(0)

    def shuffled(projection):
        order = rng.permutation(len(projection))
        names = ("pre_gid", "post_gid", "distance_um", "delay_ms", "scale")
        return replace(projection, **{name: getattr(projection, name)[order] for name in names})

    other = replace(culture, projections=tuple(shuffled(p) for p in reversed(culture.projections)))
    results = []
    for each in (culture, other):
        backend = build(each, [7], params=tuned(culture), precision="float32")
        results.append(backend.run(4000, None, everything(each)))
        backend.close()
    assert len(results[0].spike_t) > 10
    assert equal(*results)


def test_float32_stays_within_a_tenth_of_a_millisecond_over_a_second():
    """Of regularly firing cells, in time steps of 0.025 ms: rounding moves a spike by at most four of them."""

    def run(precision):
        backend = build(system(1, 1), [0], params={"noise-std_e": 0.0}, precision=precision)
        stimulus = Stimulus(np.array([[0.1, 0.06]]), 1000.0)
        recording = backend.run(40_000, stimulus, RecordingRequest(np.arange(2)))
        backend.close()
        return [recording.spike_t[recording.spike_gid == gid] for gid in (0, 1)]

    for double, single in zip(run("float64"), run("float32"), strict=True):
        assert len(double) == len(single) > 20
        assert np.abs(double - single).max() <= 0.1 + 1e-9


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_is_left_of_a_synapse_ends_at_0(precision):
    """And not in subnormal numbers, which slow some processors down; looked at every 10 ms of a silence of 400 ms."""
    culture = system(1, 1, [(0, 1, 1.0), (1, 0, 1.5)])
    weights = dict.fromkeys((f"weight-{name}" for name in culture.weight_names), 1.0)
    backend = build(culture, [0], weights | {"noise-std_e": 0.0}, precision)
    request = RecordingRequest(np.arange(2))
    assert len(backend.run(800, Stimulus(np.array([[0.2, 0.2]]), 20.0), request).spike_t) > 1
    group = backend._groups[0]
    left = []
    for _ in range(40):
        backend.run(400, None, request)
        for layout, variables in zip(group.layouts, group.save([0])[0].variables, strict=True):
            for slot in layout.slots.values():
                left.append(variables[slot.first : slot.first + 2].ravel())
    backend.close()
    values = np.abs(np.concatenate(left))
    assert 0.9e-30 < values[values > 0].min() < 1e-12


def test_every_culture_of_a_model_shares_its_kernels():
    """Blocks of cells and receptors that a culture lacks are there but empty."""
    shapes = []
    for culture in (system(1), system(0, 1), system(2, 1, [(0, 1, 1.0)]), make("EI2")):
        spec = CultureSpec(culture, ReducedCalciumSomaDendrite(), 0.025, "backward_euler", 1)
        shapes.append({layout.name: (layout.size, tuple(layout.slots)) for layout in layouts(spec)})
    assert all(shape == shapes[0] for shape in shapes)


@pytest.mark.parametrize(("exp", "dtype", "span", "units"), [(exp64, np.float64, 690, 2), (exp32, np.float32, 86, 2)])
def test_exp_is_right_to_two_units_in_the_last_place(exp, dtype, span, units):
    @numba.njit
    def fill(values):
        for i in range(len(values)):
            values[i] = exp(values[i])

    x = np.linspace(-span, span, 100_001).astype(dtype)
    y = x.copy()
    fill(y)
    exact = np.exp(x.astype(np.longdouble))
    assert np.abs(y / exact - 1).max() < units * np.finfo(dtype).eps
    beyond = np.array([-1e6, 1e6], dtype=dtype)
    fill(beyond)
    assert beyond[0] < 1e-37 and 1e37 < beyond[1] < np.inf


def test_all_processors_are_taken_where_there_is_no_affinity(monkeypatch):
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert NativeBackend().threads == len(processors.usable()) == os.cpu_count()


@pytest.mark.parametrize("threads", [0, -1, 2.5, 1e9, True, np.nan, "2", [2]], ids=repr)
def test_options_are_checked(threads):
    with pytest.raises(InvalidInput, match="threads"):
        NativeBackend(threads=threads)


def test_unknown_cells_are_refused():
    class Other(Cell):
        pass

    model = ReducedCalciumSomaDendrite()
    cell = model.cell("EXC")
    model._cells["EXC"] = Other(**{item.name: getattr(cell, item.name) for item in fields(Cell)})
    with pytest.raises(UnsupportedModel, match="Other"):
        Lab(system(), backend="native", model=model)


@pytest.mark.slow
def test_kernels_are_compiled_once_and_then_loaded(tmp_path):
    code = (
        "from livn_gym import make\n"
        "with make('EI1', backend='native') as env:\n"
        "    print(len(env.record_spikes().run(100).spike_t))\n"
    )
    environment = os.environ | {"LIVN_GYM_CACHE": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert ["compiling" in run.stderr for run in runs] == [True, False]


def test_threads_may_make_their_first_cultures_at_once():
    """In a process of its own, where no kernels are loaded yet."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "from livn_gym import make\n"
        "ready = Barrier(4)\n"
        "def spikes(_):\n"
        "    ready.wait()\n"
        "    with make('EI1', backend='native') as env:\n"
        "        return len(env.record_spikes().run(100).spike_t)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    print(len(set(pool.map(spikes, range(4)))))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1\n", done.stderr
