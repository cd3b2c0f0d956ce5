"""Every name that docs/coming-from-livn.md gives for this package exists."""

import inspect
import re
from pathlib import Path

import pytest

import livn_gym
from livn_gym import decoding, distributed, encoding, formats, io, models, plasticity, plot, recording, stimulus, system
from livn_gym.env import Env
from livn_gym.errors import UnknownName

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-livn.md"
MODULES = (
    livn_gym,
    decoding,
    encoding,
    formats,
    io,
    models,
    plasticity,
    plot,
    recording,
    stimulus,
    system,
    distributed,
)
CLASSES = (Env, io.MEA, stimulus.Stimulus, distributed.DistributedEnv, encoding.Encoding, decoding.Decoding)


def rows():
    """What the tables say is here: the code of the second column, its row's first cell where that is the same name."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 3 and cells[0] not in ("livn", "---", ""):
            here = cells[0] if cells[1].startswith("the same") else cells[1]
            yield from re.findall(r"`([^`]+)`", here)


def names():
    """Classes, functions and methods among them, without arguments and paths."""
    for code in rows():
        name = re.sub(r"\(.*", "", code).strip()
        if re.fullmatch(r"[A-Za-z_][\w.]*", name):
            yield name


@pytest.mark.parametrize("name", sorted(set(names())))
def test_a_name_of_the_page_exists(name):
    last = name.split(".")[-1]
    with livn_gym.make("EI1") as env:
        places = (*MODULES, *CLASSES, livn_gym.env, env, env.io, env.system)
        assert (
            any(hasattr(place, last) for place in places)
            or last in inspect.signature(Env).parameters
            or any(
                last in inspect.signature(method).parameters
                for _, method in inspect.getmembers(Env, inspect.isfunction)
            )
        ), f"{name} is nowhere"


def test_the_page_has_many_names():
    assert len(set(names())) > 50


def test_the_weight_keys_of_the_page_are_the_systems():
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## Weights")[2].partition("\n## ")[0]
    keys = re.findall(r"\| from \w+ onto \w+ \| `([^`]+)` \| `([^`]+)` \|", table)
    assert len(keys) == 3
    with livn_gym.make("EI1") as env:
        for theirs, ours in keys:
            assert ours in env.system.weight_names
            with pytest.raises(UnknownName) as refused:
                env.set_weights({theirs: 1.0})
            hint = str(refused.value).partition("Did you mean")[2].partition("?")[0]
            assert hint == "" or ours in hint
