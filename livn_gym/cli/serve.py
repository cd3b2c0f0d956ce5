"""``livn-gym serve``: show a running culture in the browser."""

from __future__ import annotations

import signal
from typing import Annotated, Any

import typer

from livn_gym.cli.train import Options, TrustNames, environment_of


def serve(
    env_id: Annotated[
        str | None,
        typer.Argument(
            metavar="ENV_ID",
            help="Id of the environment. Default: that of the run folder, otherwise livn/EI2-v0.",
            show_default=False,
        ),
    ] = None,
    agent: Annotated[
        str,
        typer.Option(
            help="Agent that acts: silent, random, constant, on-off, proportional-integral, or the run folder of a "
            "trained agent."
        ),
    ] = "silent",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 selects a free one.")] = 8765,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Any address but the loopback lets other machines connect; with the token, they "
            "can stimulate the culture."
        ),
    ] = "127.0.0.1",
    origin: Annotated[
        list[str] | None,
        typer.Option(
            "--origin",
            help="Origin of another web page that may connect, http://NAME:PORT; repeat for several.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="LIVN_GYM_TOKEN",
            help="Access token, which the address of the page must contain. Default: a random one. Prefer the "
            "environment variable: other users of the machine can read the arguments of a command.",
            show_default=False,
        ),
    ] = None,
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Require no token: anyone who can reach the address can connect.")
    ] = False,
    speed: Annotated[
        float, typer.Option(help="Speed relative to real time: 1 is real time, 0 is as fast as possible.")
    ] = 1.0,
    paused: Annotated[bool, typer.Option("--paused", help="Start paused.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the first episode.")] = 0,
    option: Options = None,
    trust: TrustNames = False,
) -> None:
    """Show a running culture in the browser: stimulate electrodes, pause, change the task and the agent."""
    from livn_gym.serve import check_available

    check_available()
    from livn_gym.envs.provenance import provenance
    from livn_gym.errors import InvalidInput
    from livn_gym.serve.agent_catalog import catalog_for
    from livn_gym.serve.messages import SPEEDS
    from livn_gym.serve.server import LiveServer
    from livn_gym.serve.session import LiveSession

    if speed and not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise InvalidInput(f"--speed must be 0 or from {SPEEDS[0]:g} to {SPEEDS[1]:g}, got {speed:g}.")
    if no_token and token is not None:
        raise InvalidInput("--no-token cannot be combined with --token or LIVN_GYM_TOKEN.")
    if token == "":
        raise InvalidInput("--token is empty; use --no-token to require none.")
    env_id, options = environment_of([agent], env_id, option, trust)
    provenance(env_id, options)  # refuses wrong options before anything is opened
    agents, name = catalog_for(agent, seed)
    session = LiveSession(env_id, agents, name, seed=seed, speed=speed or None, paused=paused, options=options)
    # The server comes first, so that a port in use raises before the culture is built.
    server = LiveServer(session, host, port, origins=origin or [], token="" if no_token else token)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        with session, server:
            typer.echo(f"Open {server.url} in a browser; Ctrl-C ends.")
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
