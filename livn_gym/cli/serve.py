"""``livn-gym serve``: a running culture in the browser."""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer

from livn_gym.cli.train import Options, environment_of


def serve(
    env_id: Annotated[
        str | None,
        typer.Argument(metavar="[ENV_ID]", help="Id; without it that of a trained agent's run, else livn/EI2-v0."),
    ] = None,
    agent: Annotated[
        str, typer.Option(help="silent, random, constant, on-off, proportional-integral, or the folder of a run.")
    ] = "silent",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="Address; others than the loopback let all who reach it act on the culture.")
    ] = "127.0.0.1",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin", help="http://NAME:PORT of a page that may connect, too; again for more.", show_default=False
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LIVN_GYM_TOKEN",
            help="Token that the page's address must hold. Default: a random one. Other users of the machine can read "
            "the arguments of a command, but not its environment.",
            show_default=False,
        ),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Let in every user and program that reaches the address.")
    ] = False,
    speed: Annotated[float, typer.Option(help="Simulated in units of real time; 0 is as fast as it goes.")] = 1.0,
    paused: Annotated[bool, typer.Option("--paused", help="Begin paused.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first episode.")] = 0,
    option: Options = None,
) -> None:
    """Show a running culture in the browser: click electrodes, pause, change task and agent."""
    from livn_gym.serve import check_available

    check_available()
    from livn_gym.errors import InvalidInput
    from livn_gym.serve.messages import SPEEDS
    from livn_gym.serve.server import LiveServer
    from livn_gym.serve.session import LiveSession
    from livn_gym.serve.shelf import shelf

    if speed and not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise InvalidInput(f"--speed must lie in {SPEEDS[0]:g} ... {SPEEDS[1]:g}, or be 0, got {speed:g}.")
    if no_token and token is not None:
        raise InvalidInput("--no-token and --token (or LIVN_GYM_TOKEN) exclude each other.")
    if token == "":
        raise InvalidInput("--token is empty; --no-token lets in everybody.")
    env_id, options = environment_of([agent], env_id, option)
    agents, name = shelf(agent, seed)
    session = LiveSession(env_id, agents, name, seed=seed, speed=speed or None, paused=paused, options=options)
    # A port that is taken ends it before anything runs.
    server = LiveServer(session, host, port, origins=origin or [], token="" if no_token else token)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with session, server:
            typer.echo(f"The culture can be seen at {server.url} ; Ctrl-C ends.")
            while not session.wait(0.5) and server.failure is None:
                pass
    except KeyboardInterrupt:
        typer.echo("Ended.")
    finally:
        signal.signal(signal.SIGTERM, before)
    for failure in (session.failure, server.failure):
        if failure is not None:
            raise failure


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt
