"""Many runs over workers: the same answers as one Env, and an end whatever happens."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from mpi import launch

import livn_gym
from livn_gym.env import Env
from livn_gym.system import sonata

LIMIT = 90.0
"""Seconds for one run on a busy machine; a hang would be for ever."""

PIPELINE = """
    import os, pickle, signal, sys, time
    import numpy as np
    from livn_gym.decoding import MeanFiringRate
    from livn_gym.distributed import DistributedEnv
    from livn_gym.encoding import Encoding
    from livn_gym.errors import ClosedError, InvalidInput, WorkerError
    from livn_gym.stimulus import Stimulus

    def stimulus(env, amplitude):
        array = np.zeros((20, env.system.num_neurons))
        array[5:10] = amplitude
        return Stimulus(array=array, dt=1.0)

    class Push(Encoding):
        def __call__(self, env, duration, inputs):
            if inputs == "raise":
                raise ArithmeticError("too much")
            if inputs == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if inputs == "exit":
                sys.exit(0)
            if inputs == "sleep":
                time.sleep(600)
            return stimulus(env, inputs)
        def action_space(self, env):
            raise NotImplementedError
        def __getstate__(self):
            return {}

    class Trains(MeanFiringRate):
        calls = 0
        def decode(self, view, recording):
            self.calls += 1  # must not be seen by another call
            rates_hz = super().decode(view, recording)["rates_hz"][0]
            return [np.array([*rates_hz, *recording.spike_gid, *recording.spike_t, self.calls])]

    env = DistributedEnv(sys.argv[1], seed=7)
    env.init()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """EI1 as the page wants it, in a folder."""
    path = tmp_path_factory.mktemp("systems") / "EI1"
    with livn_gym.make("EI1") as env:
        sonata.write(env.system, path)
    return str(path)


def play(tmp_path, folder, text, ranks, **more):
    """Run the pipeline's script with more lines."""
    script = launch.script(tmp_path, PIPELINE + text)
    return launch.run([script, folder, str(tmp_path / "answers.npz")], ranks, timeout=LIMIT, **more)


ANSWERS = """
    env.record_spikes()
    env.apply_model_defaults()
    env.set_noise({"g_e0": 2.0})
    if env.is_root():
        answers = env(Trains(duration=60), inputs=[0.0, 0.5, 1.0, 0.0, 0.5], encoding=Push())
        late = env.submit_call(Trains(duration=40))
        later = env.submit_call(Trains(duration=60), inputs=1.0, encoding=Push())
        answers.append(env.receive_response())
        while (answer := env.probe_response(later)) is None:
            time.sleep(0.01)
        np.savez(sys.argv[2], *answers, answer)
    env.shutdown()
    print("ended", env.is_root())
"""


@pytest.mark.parametrize("ranks", [2, *(pytest.param(ranks, marks=pytest.mark.slow) for ranks in (3, 4))])
def test_answers_are_those_of_one_env(ranks, folder, tmp_path):
    run = play(tmp_path, folder, ANSWERS, ranks).good()
    assert sorted(run.out.split("\n"))[1:] == ["ended False"] * (ranks - 1) + ["ended True"]
    with np.load(tmp_path / "answers.npz") as saved:
        answers = list(saved.values())
    scope: dict = {}
    head = launch.textwrap.dedent(PIPELINE).split("env = DistributedEnv")[0]
    exec(head, scope)
    expected = []
    with Env(folder).init() as env:
        env.record_spikes().apply_model_defaults().set_noise({"g_e0": 2.0})
        calls = [*((60, given) for given in (0.0, 0.5, 1.0, 0.0, 0.5)), (40, None), (60, 1.0)]
        for k, (duration, given) in enumerate(calls):
            env.clear(seed=7 + k)
            encoding = None if given is None else scope["Push"]()
            expected.append(env(scope["Trains"](duration=duration), given, encoding))
    assert len(answers) == len(expected)
    assert all(np.array_equal(ours, own) for ours, own in zip(answers, expected, strict=True))
    cells = env.system.num_neurons
    assert max(len(own) for own in expected) > cells + 1 + 2 * 5  # rates, count of calls, and spikes to compare
    assert len({own.tobytes() for own in expected}) == len(expected)


@pytest.mark.slow
def test_encodings_and_decodings_travel_once_to_each_worker(folder, tmp_path):
    text = """
    class Counting:
        sent = 0
        def __init__(self, comm):
            self.comm = comm
        def __getattr__(self, name):
            return getattr(self.comm, name)
        def send(self, request, to):
            self.sent += request[0] == "call" and request[3] is not None
            self.comm.send(request, to)

    env.record_spikes()
    if env.is_root():
        env._comm = Counting(env._comm)
        env(Trains(duration=20), [0.0] * 6, Push())
        print(env._comm.sent)
        env(Trains(duration=20), [0.5] * 6, Push())
        print(env._comm.sent)
        env(Trains(duration=30), [0.5] * 6, Push())
        print(env._comm.sent)
        env.shutdown()
    """
    run = play(tmp_path, folder, text, 3).good()
    assert run.out.split() == ["2", "2", "4"]


PAGE = """
    import sys
    from livn_gym.decoding import ChannelRecording
    from livn_gym.distributed import DistributedEnv

    def my_encoding(env, duration, inputs):
        return None

    env = DistributedEnv(sys.argv[1], subworld_size=1)
    env.init()
    env.record_membrane_current()
    env.record_spikes()
    env.apply_model_defaults()
    if env.is_root():
        responses = env(ChannelRecording(duration=100), inputs=[10, 20], encoding=my_encoding)
        print("responses", len(responses))
        decoding = ChannelRecording(duration=100)
        task_id = env.submit_call(decoding, inputs=42, encoding=my_encoding)
        response = env.receive_response()
        task_id = env.submit_call(decoding, inputs=42, encoding=my_encoding)
        while (result := env.probe_response(task_id)) is None:
            pass
        print("Done:", type(result) is type(response))
    env.shutdown()
"""


@pytest.mark.slow
def test_the_pages_snippets(folder, tmp_path):
    run = launch.run([launch.script(tmp_path, PAGE), folder], 3, timeout=LIMIT).good()
    assert run.out.splitlines() == ["responses 2", "Done: True"]


@pytest.mark.slow
def test_a_failed_run_is_one_response_and_the_rest_go_on(folder, tmp_path):
    text = """
    env.record_spikes()
    if env.is_root():
        tasks = [env.submit_call(Trains(duration=20), given, Push()) for given in (0.0, "raise", "exit", 0.5)]
        for task in tasks:
            try:
                env.receive_response(task)
                print(task, "good")
            except WorkerError as error:
                print(task, "Rank" in str(error), "Traceback" in str(error), str(error).splitlines()[-1])
        for wrong in (lambda: env.receive_response(), lambda: env.receive_response(0), lambda: env.probe_response(99)):
            try:
                wrong()
            except InvalidInput as error:
                print("refused")
        try:
            env.set_noise({"g_x": 1.0})
        except WorkerError as error:
            print("g_x" in str(error))
        env.shutdown()
        env.shutdown()
        try:
            env.submit_call(Trains(duration=20))
        except ClosedError:
            print("closed")
    """
    run = play(tmp_path, folder, text, 3).good()
    assert run.out.splitlines() == [
        "0 good",
        "1 True True ArithmeticError: too much",
        "2 True True SystemExit: 0",
        "3 good",
        *["refused"] * 3,
        "True",
        "closed",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("raise ZeroDivisionError('oh')", 1, "ZeroDivisionError: oh"),
        ("env(Trains(duration=20), ['raise'], Push())", 1, "ArithmeticError: too much"),
        ("env(Trains(duration=20), [0.0, 'die'], Push())", None, "signal 9"),
        ("sys.exit(3)", 3, ""),
        ("env.submit_call(Trains(duration=20), 0.0, Push())", 0, ""),
    ],
    ids=["raises", "run-fails", "killed", "exits", "forgets-shutdown"],
)
def test_every_end_of_the_controller_ends_the_job(folder, tmp_path, text, code, said):
    run = play(tmp_path, folder, f"\n    if env.is_root():\n        env.record_spikes()\n        {text}\n", 3)
    assert run.code == code if code is not None else run.code != 0, run.everything
    for part in said.split(": "):  # the launcher may print its own lines between the parts
        assert part in run.err + run.out, run.everything


@pytest.mark.slow
def test_a_culture_that_cannot_be_built_is_told(tmp_path):
    run = play(tmp_path, str(tmp_path / "nowhere"), "", 2)
    assert run.code == 1 and "Rank 0 failed" in run.err and "nowhere" in run.err, run.everything


@pytest.mark.slow
def test_ctrl_c_leaves_no_process(folder, tmp_path):
    text = """
    if env.is_root():
        env.submit_call(Trains(duration=20), "sleep", Push())
        print("waiting", flush=True)
        env.receive_response()
    """
    process = launch.start([launch.script(tmp_path, PIPELINE + text), folder], 3)
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    started = launch.children(process.pid)
    assert len(started) >= 3
    os.kill(process.pid, signal.SIGINT)
    assert launch.finish(process, LIMIT).code != 0
    until = time.monotonic() + 20.0
    while launch.alive(started) and time.monotonic() < until:
        time.sleep(0.1)
    assert not launch.alive(started)


def test_one_rank_is_refused(folder):
    code = (
        "import sys; from livn_gym.distributed import DistributedEnv; DistributedEnv(sys.argv[1], **eval(sys.argv[2]))"
    )
    wrong = (("{}", "controller and workers"), ("dict(subworld_size=0)", "subworld_size must be an integer from 1"))
    for options, message in wrong:
        run = subprocess.run(
            [sys.executable, "-c", code, folder, options],
            env=launch.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert run.returncode == 1 and message in run.stderr


def test_without_mpi_only_who_makes_one_is_told():
    code = """
import importlib.util, sys
find = importlib.util.find_spec
import livn_gym.mpi_job as mpi_job
mpi_job.find_spec = lambda name: None if name == "mpi4py" else find(name)
from livn_gym.distributed import DistributedEnv
assert "mpi4py" not in sys.modules
DistributedEnv("x")
"""
    run = subprocess.run([sys.executable, "-c", code], env=launch.environment(), capture_output=True, text=True)
    assert run.returncode == 1 and "needs the extra mpi" in run.stderr


SUBWORLDS = """
    from livn_gym.decoding import GatherAndMerge, Pipe

    env = DistributedEnv(sys.argv[1], seed=7, subworld_size=int(sys.argv[3]), backend=sys.argv[4])
    env.init()
    env.record_spikes()
    env.apply_model_defaults()
    env.set_noise({"g_e0": 2.0})
    if env.is_root():
        answers = env(Trains(duration=60), inputs=[0.0, 0.5, 1.0, 0.5], encoding=Push())
        answers += env(Pipe([GatherAndMerge(40), Trains(duration=40)]), inputs=[None])
        np.savez(sys.argv[2], *answers)
        try:
            env(Trains(duration=20), ["raise"], Push())
        except WorkerError as error:
            print("told", str(error).splitlines()[-1], flush=True)
        print("workers", env.num_workers)
    env.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["native", "neuron"])
def test_workers_of_several_ranks_answer_as_one_env(backend, folder, tmp_path):
    """Five ranks: two workers of two ranks each and the controller; or one worker of four."""
    head = PIPELINE.split("    env = DistributedEnv")[0]
    scope: dict = {}
    exec(launch.textwrap.dedent(head), scope)
    expected = []
    with Env(folder, backend=backend).init() as env:
        env.record_spikes().apply_model_defaults().set_noise({"g_e0": 2.0})
        for k, (duration, given) in enumerate([(60, 0.0), (60, 0.5), (60, 1.0), (60, 0.5), (40, None)]):
            env.clear(seed=7 + k)
            encoding = None if given is None else scope["Push"]()
            expected.append(env(scope["Trains"](duration=duration), given, encoding))
    assert max(map(len, expected)) > env.system.num_neurons + 1 + 2 * 5
    path = tmp_path / "answers.npz"
    for size in (2, 4) if backend == "native" else (2,):
        script = launch.script(tmp_path, head + SUBWORLDS)
        run = launch.run([script, folder, str(path), str(size), backend], 5, timeout=LIMIT).good()
        assert f"workers {4 // size}" in run.out and "told ArithmeticError: too much" in run.out, run.everything
        with np.load(path) as saved:
            answers = list(saved.values())
        assert len(answers) == len(expected)
        assert all(np.array_equal(ours, own) for ours, own in zip(answers, expected, strict=True))


@pytest.mark.slow
def test_ranks_that_make_no_whole_workers_are_refused(folder, tmp_path):
    text = """
    from livn_gym.distributed import DistributedEnv
    from livn_gym.errors import InvalidInput
    import sys
    try:
        DistributedEnv(sys.argv[1], subworld_size=2)
    except InvalidInput as error:
        print(error)
    """
    run = launch.run([launch.script(tmp_path, text), folder], 4, timeout=LIMIT).good()
    assert run.out.count("4 ranks are no controller and workers of 2 ranks each") == 4
