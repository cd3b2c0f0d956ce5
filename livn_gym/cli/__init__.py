"""The command line ``livn-gym``. Each command imports its dependencies when it runs, so that ``--help`` is fast."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

import livn_gym
from livn_gym.cli import (
    benchmark,
    cl,
    common,
    demo,
    deploy,
    export,
    fit,
    interruption,
    measure,
    new,
    sample,
    serve,
    simulate,
    systems,
    train,
    tune,
    validate,
    warmup,
)
from livn_gym.errors import InvalidInput, LivnError

# BadParameter derives from UsageError, and that from ClickException, which not every version of Typer exports.
_NOT_ERRORS: tuple[Any, ...] = (typer.Exit, typer.Abort, typer.BadParameter.__mro__[2])
"""Exceptions that Typer handles itself."""


class _Commands(typer.core.TyperGroup):
    """Command group that reports an error in one line and exits with 2 for a wrong argument, 1 for a failure.

    An error is of the arguments if it is an ``InvalidInput``, and the command has not reported progress yet: an agent
    that exceeds the limits of a device in its tenth step is a failure.
    """

    def invoke(self, ctx: Any) -> Any:
        common.progressed.clear()
        try:
            with interruption.interruptible():
                return super().invoke(ctx)
        except _NOT_ERRORS:
            raise
        except KeyboardInterrupt as error:
            if ctx.params["debug"]:
                traceback.print_exc()
            text = interruption.message(ctx.invoked_subcommand, error)
            Console(stderr=True, soft_wrap=True).print(text, style="red", markup=False, highlight=False)
            raise typer.Exit(interruption.exit_code(error)) from error
        except Exception as error:
            if ctx.params["debug"]:
                raise
            Console(stderr=True, soft_wrap=True).print(
                f"livn-gym: {_one_line(error)}", style="red", markup=False, highlight=False
            )
            is_usage = isinstance(error, InvalidInput) and not common.progressed.is_set()
            raise typer.Exit(2 if is_usage else 1) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Gymnasium environments that simulate neuronal cultures on a multi-electrode array.",
)


def _version(requested: bool) -> None:
    if requested:
        typer.echo(f"livn_gym {livn_gym.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log progress.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log debug messages and show the traceback of an error.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    log = logging.getLogger("livn_gym")
    log.setLevel(logging.DEBUG if debug else logging.INFO if verbose else logging.WARNING)
    if not log.handlers:
        console = Console(stderr=True)
        log.addHandler(RichHandler(console=console, show_path=False, show_level=debug or verbose, show_time=verbose))


app.command()(demo.demo)
app.command()(train.train)
app.command()(train.evaluate)
app.command()(train.watch)
app.command()(benchmark.benchmark)
app.command()(deploy.deploy)
app.command("list")(systems.list_all)
app.command()(systems.info)
app.command()(serve.serve)
app.command()(simulate.simulate)
app.command()(export.export)
app.command()(measure.measure)
app.command()(sample.sample)
app.command()(systems.generate)
app.command()(new.new)
app.command()(validate.validate)
app.command()(tune.tune)
app.command()(fit.fit)
app.command()(warmup.warmup)
app.add_typer(cl.app, name="cl")


def main() -> None:
    """Entry point of ``livn-gym``."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # its encoding may lack characters such as ± or those of file names
        sys.stdout.reconfigure(errors="backslashreplace")
    app()


def _one_line(error: Exception) -> str:
    """Shorten an error message to its first line, which says what failed, and its last, which says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if not isinstance(error, LivnError | OSError):
        lines[0] = f"{type(error).__name__}: {lines[0]} (unexpected error; --debug shows the traceback)"
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]} (--debug shows all)"
