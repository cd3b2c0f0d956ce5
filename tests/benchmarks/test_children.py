"""Engines in processes of their own: answers, what they print, and how they end."""

import sys

import pytest

SERVE = "from children import *; answers = take_output(); print('noise'); serve(answers, {'pid': 1}, lambda x: 2 * x)"


@pytest.fixture
def children(script):
    return script("children")


@pytest.fixture
def start(children, tmp_path):
    """Start a child that executes a text beside the scripts."""
    folder = str(tmp_path)
    started = []

    def make(text):
        path = f"sys.path.insert(0, {str(children.__file__.rpartition('/')[0])!r})"
        child = children.Child([sys.executable, "-c", f"import sys; {path}; {text}"], HOME=folder)
        started.append(child)
        return child

    yield make
    for child in started:
        child.close()


def test_requests_are_answered_in_order(start):
    child = start(SERVE)
    assert child.facts == {"pid": 1}
    assert [child.ask(number) for number in (1, 2.5, [3])] == [2, 5.0, [3, 3]]


def test_a_child_that_ends_says_why(start, children):
    with pytest.raises(children.Unavailable, match="^ValueError: a deliberate fault$") as caught:
        start("raise ValueError('a deliberate fault')")
    assert "Traceback" in caught.value.output


def test_a_child_that_ends_later_says_why(start, children):
    child = start(SERVE.replace("2 * x", "x / 0"))
    for _ in range(2):  # also when nobody reads its input any more
        with pytest.raises(children.Unavailable, match="ZeroDivisionError"):
            child.ask(1)


def test_much_output_blocks_nobody(start):
    child = start(SERVE.replace("'noise'", "'noise' * 1_000_000"))
    assert child.ask(4) == 8


def test_the_end_of_the_input_ends_the_child(start):
    child = start(SERVE)
    child.process.stdin.close()
    child.process.stdin = None
    assert child.process.wait(timeout=60) == 0
