"""Helpers of the command line's tests: calls in an empty folder, with the Poisson fake, and rows of tables."""

import re

from fakes import use_poisson_backend
from typer.testing import CliRunner

from livn_gym.cli import app

PNG = b"\x89PNG\r\n\x1a\n"


def caller(monkeypatch, tmp_path):
    """Return a function that calls the command line in an empty folder: exit code, standard output and error."""
    use_poisson_backend(monkeypatch)
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return call


def row(output, first):
    """The cells of the table row that begins with a word."""
    lines = [re.split(r"\s*│\s*", line)[1:-1] for line in output.splitlines() if "│" in line]
    (found,) = (line for line in lines if line[0] == first)
    return found
