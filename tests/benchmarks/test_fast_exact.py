"""Comparison of profiles on cultures: pairs, bands, and what is in a table."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def fast_exact(script):
    return script("fast_exact")


def values(rate, graph, seed, **more):
    return {"rate_hz": rate, "graph": float(graph), "seed": float(seed)} | more


def test_differences_are_those_of_pairs(fast_exact):
    exact = [values(1.0, 201, 1), values(5.0, 202, 1), values(3.0, 203, 1)]
    fast = [values(1.2, 201, 1), values(5.4, 202, 1), values(3.3, 203, 1)]
    mean, half, pairs = fast_exact.difference(exact, fast, "rate_hz")
    assert (mean, pairs) == (pytest.approx(0.3), 3)
    assert half == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=1e-3)  # Student's t with two degrees of freedom


def test_cultures_without_a_value_and_shared_pulses_do_not_count_as_pairs(fast_exact):
    exact = [values(1.0, 201, s, evoked_share=1.0, isi_cv=float("nan") if s else 1.0) for s in range(3)]
    fast = [values(1.0, 201, s, evoked_share=2.0, isi_cv=1.5) for s in range(3)]
    assert fast_exact.difference(exact, fast, "evoked_share")[2] == 1
    assert fast_exact.difference(exact, fast, "isi_cv")[::2] == (0.5, 1)


def test_a_table_names_what_only_exact_holds(fast_exact):
    targets = fast_exact.targets_of("EI2", pulses=True, quick=False)
    exact = [values(rate, 201, s) for s, rate in enumerate((3.0, 3.2))]
    fast = [values(rate, 201, s) for s, rate in enumerate((5.0, 5.2))]
    text, lost = fast_exact.table(exact, fast, targets)
    assert lost == ["rate_hz"]
    assert "| spontaneous rate (Hz) | 3.1 ± 0.1 | 5.1 ± 0.1 | +2 ± 0 * | 2 ... 4.5 | ok, MISSED |" in text
    assert fast_exact.table(exact, exact, targets)[1] == []


@pytest.mark.slow
def test_an_interrupted_comparison_continues_from_its_folder(fast_exact, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fast_exact, "HELD_OUT_GRAPHS", (201, 202))
    protocol = fast_exact.tuning.Protocol().quick()
    targets = fast_exact.targets_of

    def quick(name, **options):
        return fast_exact.replace(targets(name, **options), protocol=fast_exact.replace(protocol, pulse_trials=0))

    monkeypatch.setattr(fast_exact, "targets_of", quick)
    line = ["fast_exact.py", "EI1", "--seeds", "2", "--folder", str(tmp_path)]
    for shard in ("1/2", "2/2"):
        monkeypatch.setattr("sys.argv", [*line, "--shard", shard])
        fast_exact.main()
    assert len(list(tmp_path.glob("EI1/*/*.json"))) == 8
    monkeypatch.setattr("livn_gym.tuning.validation.Bench", None)  # nothing is simulated any more
    monkeypatch.setattr("sys.argv", [*line, "--report"])
    capsys.readouterr()
    fast_exact.main()
    assert "### EI1: 2 graphs x 2 seeds" in capsys.readouterr().out
