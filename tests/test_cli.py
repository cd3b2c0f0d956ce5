"""The command line, on the Poisson fake, whose answers take milliseconds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import PNG, caller, row
from fakes import PoissonBackend
from typer.testing import CliRunner

import livn_gym
from livn_gym import formats
from livn_gym.agents.evaluate import NAMES
from livn_gym.cli import app
from livn_gym.cli.common import progress_bar
from livn_gym.device_profile import find
from livn_gym.env import Env
from livn_gym.errors import BackendError, CorruptData
from livn_gym.formats import Session
from livn_gym.system import System, make
from livn_gym.tuning import ProbeSweep

CONFIGS = Path(__file__).resolve().parent.parent / "configs" / "systems"
RUNNING = ("demo", "train", "evaluate", "watch", "benchmark")
COMMANDS = (*RUNNING, "tune", "validate", "list", "info", "simulate", "measure", "export", "generate", "warmup")
RL = pytest.mark.needs("rl")


@pytest.fixture
def run(monkeypatch, tmp_path):
    return caller(monkeypatch, tmp_path)


def test_help_names_every_command(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(re.search(rf"│ {name}\s", out) for name in COMMANDS)


def test_version(run):
    assert run("--version") == (0, f"livn_gym {livn_gym.__version__}\n", "")


def test_list_shows_ids_and_systems(run):
    code, out, _ = run("list")
    assert code == 0
    assert row(out, "livn/EI2-v0") == ["livn/EI2-v0", "EI2", "rate_tracking", "100"]
    assert all(env_id in out for env_id in ("livn/EI2-BurstSuppression-v0", "livn/EI3-PatternTracking-v0"))
    assert row(out, "EI4") == ["EI4", "10,000", "8,000 EXC, 2,000 INH", "1,024", "4000 x 4000"]


def test_info_of_a_predefined_system(run):
    code, out, _ = run("info", "EI1")
    assert code == 0
    assert row(out, "neurons") == ["neurons", "10"]
    assert row(out, "area_um") == ["area_um", "40 x 40"]
    assert row(out, "sha256") == ["sha256", make("EI1").sha256()]
    assert float(row(out, "weight-EXC_EXC-hillock-AMPA-weight")[1]) > 0


def test_generate_writes_what_info_and_python_read(run):
    code, out, _ = run("generate", CONFIGS / "EI1.toml", "mine")
    assert (code, out.splitlines()[1]) == (0, f"sha256 {make('EI1').sha256()}")
    assert System.from_directory("mine").sha256() == make("EI1").sha256()
    assert row(run("info", "mine")[1], "neurons") == ["neurons", "10"]


def test_generate_makes_a_culture_for_a_device(run):
    code, out, _ = run("generate", CONFIGS / "EI2.toml", "own", "--device", "cl1")
    assert code == 2, "EI2's area is smaller than the array"
    code, out, _ = run("generate", "--device", "cl1", "theirs", "--seed", 3)
    assert code == 0
    assert 'gym.make("livn/Culture-v0", system="theirs", params="EI3", device="cl1")' in out
    made = System.from_directory("theirs")
    assert made.num_channels == 64
    assert find("cl1").electrodes.scale(made.electrodes) == pytest.approx(1.0)
    assert run("generate", "theirs")[0] == 2


def test_list_and_info_show_devices(run):
    out = run("list")[1]
    assert "maxone" in out and "mcs60" in out
    out = run("info", "cl1")[1]
    assert "stimulation.max_rate_hz" in out and "assumed" in out and "Source: cl-sdk" in out
    Path("own.toml").write_bytes((CONFIGS.parent / "devices" / "cl1.toml").read_bytes())
    assert "stimulation.max_rate_hz" in run("info", "own.toml")[1]


def test_generate_takes_another_seed(run):
    assert run("generate", CONFIGS / "EI1.toml", "other", "--seed", 7)[0] == 0
    assert System.from_directory("other").sha256() == make("EI1", seed=7).sha256()


def test_generate_never_writes_over_a_folder_with_content(run):
    Path("full").mkdir()
    Path("full/mine.txt").write_text("precious")
    code, _, err = run("generate", CONFIGS / "EI1.toml", "full")
    assert code == 2 and "full" in err
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]


def test_simulate_writes_the_spikes_of_an_unbroken_run(run):
    code, out, _ = run("simulate", "EI2", "--duration", 250, "--settle", 130, "--seed", 5, "--out", "s.npz")
    assert code == 0
    with Env(make("EI2"), seed=5).init() as env:
        env.apply_model_defaults()
        env.run(130)
        env.record_spikes()
        _, gid, t_ms = env.run(250).spikes
    saved = np.load("s.npz")
    assert np.array_equal(saved["gid"], gid)
    # the run goes in parts, whose times are shifted by sums of floats
    assert np.allclose(saved["t_ms"], t_ms, rtol=0, atol=1e-9)
    assert (saved["t0_ms"], saved["duration_ms"], saved["seed"]) == (130, 250, 5)
    exc = (gid < 80).sum()
    assert row(out, "EXC") == ["EXC", "80", str(exc), f"{exc / 80 / 0.25:.2f}"]
    assert os.listdir() == ["s.npz"]


def test_simulate_records_what_a_fit_needs(run):
    code, out, _ = run("simulate", "EI1", "--duration", 10000, "--settle", 0, "--probe-sweep", "--out", "s.npz")
    spikes = formats.ChannelSpikes.of_session(Session.load("s.npz"))
    channels = spikes.num_channels
    assert code == 0 and spikes.duration_ms == 10_000.0 + 12 * min(channels, 16) * 1000.0 + 75_000.0
    assert spikes.stim_t_ms.min() == pytest.approx(10_000.0)
    assert len(spikes.stim_t_ms) == 12 * min(channels, 16) + 3 * 100 * channels
    assert run("simulate", "EI1", "--duration", 100, "--probe-sweep")[0] == 2
    code, _, err = run("simulate", "EI1", "--duration", "20000.01")
    assert code == 2 and "got 20000.01" in err, "the message shows the digits that are wrong"


def test_simulate_records_the_sweep_of_a_device_on_its_channels(run, tmp_path):
    code, out, err = run(
        "simulate", "EI3", "--duration", 10_000, "--settle", 0, "--probe-sweep", "--device", "cl1", "--out", "s.npz"
    )
    assert code == 0, err
    session = Session.load("s.npz")
    spikes = formats.ChannelSpikes.of_session(session)
    assert spikes.num_channels == 59 and [(p.name, p.count) for p in session.populations] == [("CHANNEL", 59)]
    sweep = ProbeSweep.for_device(find("cl1").of_usable(), rest_ms=10_000.0)
    assert spikes.duration_ms == sweep.duration_ms(59) and spikes.stim_amplitude_uA.max() == 3.0
    assert row(out, "CHANNEL")[:3] == ["CHANNEL", "59", f"{len(spikes.t_ms):,}"]
    code, _, err = run("simulate", "EI3", "--device", "cl1")
    assert code == 2 and "give --probe-sweep as well" in err
    code, _, err = run("simulate", "EI2", "--duration", 10_000, "--probe-sweep", "--device", "cl1")
    assert code == 2 and "does not fit cl1" in err


@pytest.mark.parametrize("name", ["s.nwb", "s.nix", "s.h5", "s.parquet"])
def test_export_writes_what_was_simulated(run, name):
    run("simulate", "EI1", "--duration", 200, "--settle", 20, "--seed", 5, "--out", "s.npz")
    code, out, _ = run("export", "s.npz", "--out", name)
    first, again = Session.load("s.npz"), formats.read(name)
    assert code == 0 and out == f"{len(first.recording.spikes[1])} spikes of EI1: {name}\n"
    assert first.metadata() == again.metadata() and first.seed == 5 and first.recording.t0_ms == 20.0
    assert np.array_equal(first.recording.spikes[1], again.recording.spikes[1])
    assert sorted(os.listdir()) == sorted(["s.npz", name])
    assert run("export", name, "--out", "back.nwb", "--replace")[0] == 0
    assert np.array_equal(formats.read("back.nwb").recording.spikes[2], first.recording.spikes[2])
    with pytest.raises(CorruptData, match=r"formats\.read"):
        Session.load(name)


def test_export_refuses_in_one_line(run):
    run("simulate", "EI1", "--duration", 50, "--settle", 1e-300, "--out", "s.npz")  # no time step long
    Path("there.nwb").write_text("precious")
    for arguments, words in (
        (("s.npz", "--out", "a.txt"), "must end in .nwb, .nix, .h5 or .parquet"),
        (("s.npz", "--to", "nbw", "--out", "a.nwb"), "Did you mean 'nwb'"),
        (("s.npz", "--to", "nwb", "--out", "a.h5"), "must end in .nwb"),
        (("s.npz", "--to", "nwb", "--out", "there.nwb"), "exists already"),
        (("none.npz", "--to", "nwb", "--out", "a.nwb"), "no file none.npz"),
    ):
        code, _, err = run("export", *arguments)
        assert code == 2 and words in err and err.count("\n") == 1
    assert Path("there.nwb").read_text() == "precious"
    Path("bad.npz").write_bytes(b"PK")
    code, _, err = run("export", "bad.npz", "--to", "nwb", "--out", "a.nwb")
    assert code == 1 and "bad.npz is no .npz recording" in err
    assert run("export", "s.npz", "--to", "nwb", "--out", "there.nwb", "--replace")[0] == 0


@pytest.mark.parametrize(("name", "start"), [("a.png", PNG), ("a.pdf", b"%PDF"), ("a.svg", b"<?xml")])
def test_simulate_plots(run, name, start):
    assert run("simulate", "EI1", "--duration", 60, "--plot", name)[0] == 0
    assert Path(name).read_bytes().startswith(start)
    assert os.listdir() == [name]


@pytest.fixture
def snapshots(monkeypatch):
    """Training takes checkpoints, which the fake cannot give: these tests write none."""
    from livn_gym.agents import checkpoint

    monkeypatch.setattr(checkpoint, "save", lambda *arguments: None)


def numbers(output, name):
    return [float(cell.replace(",", "")) for cell in row(output, name)[1:]]


@RL
def test_demo_trains_compares_and_saves_pictures(run, snapshots):
    code, out, err = run("demo", "--quick")
    assert code == 0
    scores = {name: numbers(out, name) for name in (*NAMES, "sac, trained", "sac, trained; synapses cut")}
    # 10 steps, 16 channels, 1 pulse a step, two phases of 7.5 uA x 0.2 ms on average
    assert scores["random"][3] == pytest.approx(10 * 16 * 2 * 1.5, rel=0.1)
    assert scores["silent"][3] == 0
    assert all(error >= 0 and total < 0 for total, _, error, _ in scores.values())
    assert "1,000/1,000" in err
    assert {path.name for path in Path("livn-demo").iterdir()} == {"run", "curve.png", "episode.png"}
    assert all(Path("livn-demo", name).read_bytes().startswith(PNG) for name in ("curve.png", "episode.png"))
    assert run("demo", "--quick")[1] == out  # what is trained is not trained again


@RL
def test_train_evaluate_and_watch(run, snapshots):
    short = ("-o", "settle_ms=200", "-o", "max_episode_steps=5", "-o", "target_hz=[8, 10]")
    code, out, _ = run("train", "--env", "livn/EI1-v0", "--steps", 256, "--num-envs", 4, "--out", "mine", *short)
    assert code == 0 and row(out, "256")[0] == "256"
    assert {
        "model.zip",
        "agent.json",
        "SHA256SUMS",
        "curve.csv",
        "curve.png",
        "progress.csv",
        "config.json",
        "tensorboard",
    } == set(os.listdir("mine"))
    code, out, err = run("evaluate", "mine", "silent", "--episodes", 3)
    assert code == 0 and "target_hz=[8, 10], 3 episodes" in " ".join(out.split()) and "trained on" not in err
    assert numbers(out, "silent")[3] == 0 < numbers(out, "ppo (mine)")[3]
    code, out, _ = run("watch", "mine", "--steps", 2, "--out", "episode.gif")
    assert code == 0 and "Return -" in out
    assert Path("episode.gif").read_bytes().startswith(b"GIF89a")
    code, out, err = run("evaluate", "mine", "--episodes", 1, "-o", "target_hz=9.0")
    assert code == 0 and "target_hz=9.0, 1 episode" in " ".join(out.split()) and row(out, "ppo (mine)")[2] == "-"
    assert "mine was trained on livn/EI1-v0 with settle_ms=200, max_episode_steps=5, target_hz=[8, 10]" in err
    assert run("train", "--env", "livn/EI1-v0", "--out", "mine")[0] == 2  # the folder holds a run


@RL
def test_benchmark_runs_only_what_is_missing(run, monkeypatch):
    short = ("-o", "settle_ms=200", "-o", "max_episode_steps=5", "--episodes", 2, "--out", "results")
    some = ("benchmark", "--tasks", "livn/EI1-v0", "--agents", "silent", "--agents", "ppo", "--seeds", 2, *short)
    code, out, _ = run(*some, "--hours", 0)
    assert code == 0 and out.count("not run") == 2
    assert os.listdir("results") == ["table.md"]


@RL
def test_benchmark_says_what_is_missing_before_it_runs_anything(run, monkeypatch):
    monkeypatch.setattr("livn_gym.agents.statistics.find_spec", lambda name: None)
    code, out, err = run("benchmark", "--tasks", "livn/EI1-v0", "--agents", "silent", "--out", "results")
    assert code == 1 and 'pip install "livn_gym[analysis]"' in err
    assert not os.path.exists("results")


@RL
def test_a_run_that_fails_leaves_no_pictures(run, monkeypatch):
    def fail(self, *arguments):
        raise BackendError("NEURON failed:\nTraceback\n  a line of it\nIt broke.\n")

    monkeypatch.setattr(PoissonBackend, "run", fail)
    code, out, err = run("demo", "--quick")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "livn-gym: NEURON failed: It broke. (--debug shows all)"
    assert os.listdir("livn-demo") == ["run"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "EI22"], 2, "Did you mean 'EI2'?"),
        (["simulate", "EI1", "--duration", "-5"], 2, "must be at least 0"),
        (["simulate", "EI1", "--duration", "nan"], 2, "finite"),
        (["simulate", "EI1", "--duration", "0.01"], 2, "multiple of the time step"),
        (["simulate", "EI1", "--settle", "0.01"], 2, "--settle"),
        (["simulate", "EI1", "--plot", "a.txt"], 2, ".png or .pdf or .svg"),
        (["simulate", "EI1", "--out", "no/a.npz"], 2, "there is no folder 'no'"),
        (["simulate", "EI1", "--backend", "neurn"], 2, "Did you mean 'neuron'?"),
        (["generate", "none.toml", "x"], 2, "none.toml"),
        pytest.param(["demo", "--env", "livn/EI9-v0"], 2, "livn/EI1-v0", marks=RL),
        (["demo", "--steps", "0"], 2, "--steps"),
        pytest.param(["demo", "--agent", "pppo"], 2, "Did you mean 'ppo'?", marks=RL),
        pytest.param(["train", "--agent", "pppo"], 2, "Did you mean 'ppo'?", marks=RL),
        pytest.param(["train", "--env", "livn/EI9-v0"], 2, "livn/EI1-v0", marks=RL),
        pytest.param(["train", "--option", "target"], 2, "NAME=VALUE", marks=RL),
        pytest.param(["train", "--option", 'device={"name": "cl1"'], 2, "double quotes", marks=RL),
        (["serve", "--option", "foo=1"], 2, "'foo'"),
        (["evaluate", "silent", "--env", "livn/EI1-v0", "--option", "id=3"], 2, "id is no option"),
        (["evaluate", "silent", "--env", "livn/EI1-v0", "--option", "vectorization_mode=sync"], 2, "is no option"),
        (["evaluate", "nothing"], 2, "silent, random"),
        (["evaluate", "silent", "--env", "livn/EI1-v0", "--option", "device={'name': 'cl1'}"], 2, "double quotes"),
        (["watch", "silent", "--out", "a.avi"], 2, ".gif or .mp4 or .png"),
        pytest.param(["benchmark", "--agents", "silnt"], 2, "Did you mean 'silent'?", marks=RL),
        (["dmo"], 2, "dmo"),
    ],
)
def test_a_mistake_ends_with_a_message_and_leaves_nothing(run, arguments, code, message):
    got, out, err = run(*arguments)
    assert (got, out) == (code, "")
    assert message in err and "Traceback" not in err
    assert os.listdir() == []


def test_debug_shows_the_traceback():
    command = [sys.executable, "-c", "from livn_gym.cli import main; main()"]
    plain = subprocess.run([*command, "info", "EI9"], capture_output=True, text=True)
    assert (plain.returncode, plain.stderr.count("\n")) == (2, 1)
    debug = subprocess.run([*command, "--debug", "info", "EI9"], capture_output=True, text=True)
    assert debug.returncode == 1
    assert debug.stderr.startswith("Traceback") and "Unknown system" in debug.stderr.splitlines()[-1]


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom livn_gym.cli import app\n"
        "try:\n    app(['demo', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'h5py', 'neuron', 'numba', 'torch', 'matplotlib', 'livn_gym.env'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_an_error_that_nobody_expected_is_one_line_and_a_traceback_with_debug(monkeypatch):
    def broken(name: str) -> None:
        raise ZeroDivisionError("one by nothing")

    monkeypatch.setattr("livn_gym.system.make", broken)
    short = CliRunner().invoke(app, ["info", "EI1"])
    assert short.exit_code == 1
    assert short.stderr.splitlines() == [
        "livn-gym: ZeroDivisionError: one by nothing (unexpected error; --debug shows the traceback)"
    ]
    assert isinstance(CliRunner().invoke(app, ["--debug", "info", "EI1"]).exception, ZeroDivisionError)


def test_verbose_says_what_is_built_and_the_library_alone_says_nothing():
    call = [sys.executable, "-c", "from livn_gym.cli import main; main()"]
    simulate = ["simulate", "EI1", "--duration", "10", "--settle", "0"]
    spoken = subprocess.run([*call, "--verbose", *simulate], capture_output=True, text=True, check=True)
    assert "built EI1, 1 cultures of 10 cells" in " ".join(spoken.stderr.split())
    quiet = subprocess.run([*call, *simulate], capture_output=True, text=True, check=True)
    assert "built" not in quiet.stderr
    library = subprocess.run(
        [sys.executable, "-c", "import livn_gym; livn_gym.make('EI1').run(10)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (library.stdout, library.stderr) == ("", "")


def test_a_progress_bar_counts_only_what_it_was_told(capsys):
    with progress_bar("reading", " ms") as show:
        show(5.0, 10.0, note="half")
    assert "10 ms" in capsys.readouterr().err
    with progress_bar("searching"):
        pass
    assert "0/?" not in capsys.readouterr().err
