"""Datasets over ranks: the same files for any number of them, and an end when one fails."""

import hashlib

import pytest
from mpi import launch

ARGUMENTS = (
    "sample EI1 --samples 10 --shard 2 --duration 200 --step 100 --settle 50 --cultures 2 --backend native".split()
)


def run(ranks, out, *more):
    return launch.run(["-c", "from livn_gym.cli import main; main()", *ARGUMENTS, "--out", str(out), *more], ranks)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted((folder / "data").iterdir())}


@pytest.mark.slow
def test_files_do_not_depend_on_the_number_of_ranks(tmp_path):
    found = []
    for ranks in (1, 2, 3):
        output = run(ranks, tmp_path / str(ranks)).good()
        assert output.out.count("10 samples of EI1, 5 files") == 1
        found.append(digests(tmp_path / str(ranks)))
    assert len(found[0]) == 5 and found[0] == found[1] == found[2]


@pytest.mark.slow
def test_an_error_of_the_user_ends_all_ranks_with_one_line_each(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    failed = run(2, tmp_path)
    assert failed.code != 0 and "holds no dataset: use another folder" in failed.err
    assert "Traceback" not in failed.err


@pytest.mark.slow
def test_a_rank_that_fails_ends_the_others_and_the_rest_can_be_made_later(tmp_path):
    script = launch.script(
        tmp_path,
        """
        import sys
        from pathlib import Path
        from livn_gym import dataset
        from livn_gym.mpi import run_on_all_ranks
        from livn_gym.system import make

        plan = dataset.Plan(samples=10, shard=2, duration_ms=200.0, step_ms=100.0, settle_ms=50.0)

        def run(comm):
            def report(done, total):
                if comm is not None and comm.rank == 1 and done > 0:
                    raise ArithmeticError("broken on purpose")
            dataset.sample(make("EI1"), plan, sys.argv[1], cultures=2, comm=comm, report=report)

        run_on_all_ranks(run)
        """,
    )
    failed = launch.run([script, str(tmp_path / "out")], 2, timeout=60.0)
    assert failed.code != 0 and "broken on purpose" in failed.err and "rank 1 of 2 failed" in failed.err
    assert 1 <= len(digests(tmp_path / "out")) < 5
    launch.run([script, str(tmp_path / "out")], 1).good()
    run(1, tmp_path / "straight").good()
    assert digests(tmp_path / "out") == digests(tmp_path / "straight")
