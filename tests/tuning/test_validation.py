"""Reports: how cultures are put together, and what a table says."""

import json
import math
import tomllib
from dataclasses import replace

import pytest

from livn_gym.errors import CorruptData, InvalidInput, UnknownName
from livn_gym.parameters import read_params, tuned
from livn_gym.system import make
from livn_gym.tuning import CultureSet, Report, Target, Targets, page, record, validate, validation_sets, write_params
from livn_gym.tuning.validation import spread

NAN = float("nan")


def culture(graph, **values):
    return {"graph": graph, "seed": 1.0, **values}


def report(first, second, **targets):
    sets = (CultureSet("training", (None,), (1, 2)), CultureSet("held-out", (7, 8), (1,)))
    wanted = Targets("mine", targets, {}, None)
    return Report("EI2", wanted, {"backend": "native"}, sets, (first, second))


RATES = (
    [culture(NAN, rate_hz=2.0, fastest_cell_hz=9.0), culture(NAN, rate_hz=4.0, fastest_cell_hz=60.0)],
    [culture(7.0, rate_hz=3.0, fastest_cell_hz=8.0), culture(8.0, rate_hz=6.0, fastest_cell_hz=7.0)],
)


def test_cultures_are_pooled_by_mean_or_worst():
    both = spread("rate_hz", RATES[1])
    assert (both.value, both.sd, both.low, both.high, both.count) == (4.5, 1.5, 3.0, 6.0, 2)
    assert spread("fastest_cell_hz", RATES[0]).value == 60.0
    own = spread("rate_hz", RATES[0])
    assert (own.low, own.high) == (3.0, 3.0)  # one graph, though its seed is NaN
    assert spread("participation", RATES[0]).count == 0


def test_a_target_is_reached_only_if_every_set_reaches_it():
    rates = report(*RATES, rate_hz=Target("g", low=2.0, high=4.0), fastest_cell_hz=Target("g", high=50.0))
    assert rates.verdict("rate_hz") == "MISSED"  # by the held-out graphs
    assert rates.verdict("fastest_cell_hz") == "MISSED"  # by one training culture
    assert rates.verdict("isi_cv") is None
    assert rates.missed == ["rate_hz", "fastest_cell_hz"]
    wish = report(*RATES, rate_hz=Target("g", low=2.0, high=4.0, gating=False))
    assert (wish.verdict("rate_hz"), wish.missed) == ("off", [])


def test_the_table_shows_bands_spreads_and_verdicts():
    lines = report(*RATES, rate_hz=Target("g", low=2.0, high=5.0), isi_cv=Target("g", low=1.0)).markdown().splitlines()
    assert lines[0] == "| measure | target | training (1 x 2) | held-out (2 x 1) | verdict |"
    assert lines[2] == "| spontaneous rate (Hz) | 2 ... 5 | 3 ± 1 | 4.5 ± 1.5 [3, 6] | ok |"
    assert lines[-1] == "| CV of intervals | >= 1 | - | - | MISSED |"


def test_a_file_of_parameters_tells_what_they_reached(tmp_path):
    path, params = tmp_path / "EI2.toml", tuned(make("EI2"))
    write_params(path, params, {"found_by": "hand", "reached": {"isi_cv": 1.0}}, "EI2: a test.")
    found = report(*RATES, rate_hz=Target("g", low=2.0, high=4.0), isi_cv=Target("g", low=1.0))
    for _ in range(2):  # a second time it takes the place of the first
        record(path, found)
    assert path.read_text().startswith("# EI2: a test.\n# Weights")
    assert read_params(path) == pytest.approx(params)
    path.write_text(path.read_text().partition("\n\n")[2])  # as one without comments
    record(path, found)
    assert path.read_text().startswith("# EI2: parameters.\n# Weights")
    about = tomllib.loads(path.read_text())["provenance"]
    assert (about["found_by"], about["engine_backend"], about["missed"]) == ("hand", "native", ["rate_hz", "isi_cv"])
    assert (about["training_graphs"], about["held_out_graphs"]) == (["own"], [7, 8])
    assert (about["training_noise_seeds"], about["held_out_noise_seeds"]) == ([1, 2], [1])
    assert (about["reached_on"], about["reached"]) == ("held-out", {"rate_hz": 4.5})  # of isi_cv nothing is known
    with pytest.raises(InvalidInput, match="There is no file"):
        record(tmp_path / "absent.toml", found)


@pytest.mark.parametrize("commit", ["0123456789ab", "0123456789ab-dirty", None])
def test_a_file_of_parameters_names_the_commit_of_its_last_validation(tmp_path, monkeypatch, commit):
    path = tmp_path / "EI2.toml"
    write_params(path, tuned(make("EI2")), {"commit": "fedcba987654", "validated_commit": "abc"}, "EI2: a test.")
    monkeypatch.setattr("livn_gym.tuning.result._commit", lambda: commit)
    record(path, report(*RATES, rate_hz=Target("g", low=2.0, high=4.0)))
    about = tomllib.loads(path.read_text())["provenance"]
    assert about.get("validated_commit") == commit
    assert about["commit"] == "fedcba987654" and "validated" in about


def test_sets_share_no_seed_and_no_graph_with_the_search():
    training, seeds, graphs = validation_sets(make("EI2"))
    assert not set(training.seeds) & set(seeds.seeds)
    assert training.graphs == seeds.graphs == (None,)
    assert None not in graphs.graphs and not set(graphs.graphs) & {101, 102, 103}
    assert [len(s) for s in (training, seeds, graphs)] == [20, 20, 20]
    fewer = validation_sets(make("EI2"), 6, 1, graphs=2)[2]
    assert (fewer.graphs, fewer.seeds) == (graphs.graphs[:2], graphs.seeds[:3])
    with pytest.raises(InvalidInput, match="from 1 to 4 held-out graphs, got 5"):
        validation_sets(make("EI2"), graphs=5)


def test_validation_of_the_fake(poisson, short):
    """Poisson cells have no bursts: what the fake was built for is ok, and only that."""
    seen = []
    sets = [CultureSet("one", (None,), (1, 2), stimulated=1), CultureSet("two", (5, 6), (3,))]
    found = validate("EI2", sets=sets, protocol=short, on_observation=seen.append)
    assert [len(values) for values in found.values] == [2, 2]
    assert [v.get("graph") for v in found.values[1]] == [5.0, 6.0]
    assert found.spread("range_3ms", 0).count == 1  # the other culture is at rest
    assert found.verdict("rate_hz") == found.verdict("sustained") == "ok"
    assert {"bursts_per_s", "branching", "range_3ms", "cut_gain"} <= set(found.missed)
    assert len(seen) == 3  # every stimulated graph
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["sets"][0]["cultures"][0]["rate_hz"] == pytest.approx(3.0, rel=0.2)
    assert plain["setting"]["backend"] == "fake"


def test_a_culture_does_not_depend_on_its_company(poisson, short):
    alone, among = (
        validate("EI1", sets=[CultureSet("x", (None,), seeds, stimulated=1)], protocol=short).values[0]
        for seeds in ((1,), (1, 2, 3))
    )
    assert {k: v for k, v in among[0].items() if math.isfinite(v)} == {
        k: v for k, v in alone[0].items() if math.isfinite(v)
    }


def test_the_page_draws_every_panel(poisson, short, tmp_path):
    seen = []
    found = validate("EI2", sets=[CultureSet("x", (None,), (1,))], protocol=short, on_observation=seen.append)
    figure = page(seen[0], found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    words = (
        "At rest",
        "Rates",
        "Interspike",
        "Avalanches",
        "Spectrum",
        "Amplitude",
        "After a pulse",
        "Evoked",
        "Spikes by",
    )
    for word in words:
        assert any(title.startswith(word) for title in titles), word
    path = tmp_path / "page.png"
    figure.savefig(path)
    assert path.stat().st_size > 20_000  # an empty page has some 5 kB


def test_a_page_of_a_silent_culture_can_be_drawn(poisson, short, monkeypatch):
    from fakes import PoissonBackend

    run = PoissonBackend.run

    def silent(self, *arguments):
        return run(self, *arguments).select([])

    monkeypatch.setattr(PoissonBackend, "run", silent)
    seen = []
    found = validate("EI1", sets=[CultureSet("x", (None,), (1,))], protocol=short, on_observation=seen.append)
    page(seen[0], found).canvas.draw()
    assert found.spread("rate_hz", 0).value == 0.0
    assert "rate_hz" in found.missed


def test_what_cannot_be_validated_is_refused(short):
    with pytest.raises(UnknownName, match="EI9"):
        validate("EI9")
    with pytest.raises(UnknownName, match="asleep"):
        validate("EI2", "asleep")
    with pytest.raises(InvalidInput, match="graphs and seeds"):
        CultureSet("none", (), (1,))
    with pytest.raises(InvalidInput, match="stimulated"):
        CultureSet("few", (None,), (1,), stimulated=2)
    with pytest.raises(UnknownName, match="weight-none"):
        validate("EI1", params=tuned(make("EI1")) | {"weight-none": 1.0})
    with pytest.raises(InvalidInput, match="stimulated"):
        CultureSet("few", (None,), (1,), stimulated=-1)


def test_parts_keep_what_is_stimulated_together():
    whole = CultureSet("x", (None, 7), (1, 2, 3, 4, 5), stimulated=2)
    parts = [(part.graphs, part.seeds, part.full) for part in whole.parts(2)]
    own = [((None,), (1, 2), 2), ((None,), (3, 4), 0), ((None,), (5,), 0)]
    assert parts == own + [((7,), seeds, full) for _, seeds, full in own]
    assert [part.seeds for part in CultureSet("y", (None,), (1, 2, 3)).parts(1)] == [(1, 2, 3)]


def test_a_validation_goes_on_where_it_was(poisson, short, tmp_path):
    sets = [CultureSet("one", (None, 5), (1, 2, 3), stimulated=1)]
    seen = []

    def run():
        seen.clear()
        return validate("EI1", sets=sets, protocol=short, on_observation=seen.append, folder=tmp_path)

    whole = validate("EI1", sets=sets, protocol=short)
    first = run()
    assert len(seen) == 2
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(f"{place}-{seed}.json" for place in ("own", "5") for seed in (1, 2, 3))
    again = run()
    assert seen == []
    (tmp_path / "5-1.json").unlink()
    (tmp_path / "own-3.json").unlink()
    mended = run()
    assert len(seen) == 1
    for report in (first, again, mended):
        assert report.as_dict() == whole.as_dict()
    sets = [replace(sets[0], stimulated=2)]  # whose cultures share the measures of single pulses
    assert run().as_dict() == validate("EI1", sets=sets, protocol=short).as_dict()


def test_measures_of_something_else_are_refused(poisson, short, tmp_path):
    options = {"sets": [CultureSet("one", (None,), (1,))], "folder": tmp_path}
    validate("EI1", protocol=short, **options)
    with pytest.raises(InvalidInput, match="other protocol"):
        validate("EI1", protocol=replace(short, rest_ms=1000.0), **options)
    with pytest.raises(InvalidInput, match="other options, params"):
        validate(
            "EI1", protocol=short, profile="exact", params=tuned(make("EI1")) | {"noise-EXC-std_e": 0.5}, **options
        )
    (tmp_path / "own-1.json").write_text("[]")
    with pytest.raises(CorruptData, match="own-1"):
        validate("EI1", protocol=short, **options)
