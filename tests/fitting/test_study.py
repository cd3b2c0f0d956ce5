"""The study of a fit: what an interruption loses."""

import numpy as np
import pytest

from livn_gym import processors
from livn_gym.fitting import Space, study
from livn_gym.fitting.space import Job
from livn_gym.parameters import tuned
from livn_gym.system import make, predefined_names
from livn_gym.tuning import ProbeSweep

NAMES = ("rate_hz", "isi_cv", "bursts_per_s")


@pytest.mark.parametrize(("system", "part"), [("EI2", 32), ("EI3", 3), ("EI4", 2)])
def test_an_interruption_loses_the_part_that_was_being_simulated(monkeypatch, tmp_path, system, part):
    """Parts are smaller for larger cultures, so that each takes about as long."""
    space, calls = Space.of(system), []

    def simulate(system, jobs, sweep, **options):
        calls.append([job.seed for job in jobs])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return [dict.fromkeys(NAMES, float(job.seed)) for job in jobs]

    monkeypatch.setattr(study, "simulate", simulate)
    monkeypatch.setattr(processors, "usable", lambda: frozenset({0, 1}))
    total = 3 * part + 1
    jobs = [Job(space.base, None, seed) for seed in range(total)]
    sets = np.zeros((total, space.num_varied))

    done_ms: list[float] = []

    def opened():
        path, target = tmp_path / "study.journal", np.ones(len(NAMES))
        return study.FitStudy(path, space, NAMES, target, {"system": system}, done_ms.append)

    with pytest.raises(KeyboardInterrupt):
        opened().measure("wave 0", sets, jobs, ProbeSweep())
    measured = opened().measure("wave 0", sets, jobs, ProbeSweep())
    assert [values["rate_hz"] for values in measured] == list(range(total))
    assert [len(seeds) for seeds in calls] == [part, part, part, part, 1]
    assert done_ms == [2 * part * ProbeSweep().duration_ms(make(system).num_channels)], "cultures of the journal count"
    assert calls[2] == calls[3] == list(range(2 * part, 3 * part))


@pytest.mark.parametrize("system", predefined_names())
def test_the_search_starts_from_the_shipped_parameters(system):
    """Also where they leave a parameter that the search varies at its default, as the depression of INH cells."""
    space, shipped = Space.of(system), tuned(make(system))
    start = space.params(np.zeros(space.num_varied))
    assert {key: start[key] for key in shipped} == pytest.approx(shipped, rel=1e-3)
    assert all(start[key] == 0.0 for key in start.keys() - shipped.keys())
