"""One thing of each kind for livn_gym; importing this module registers an id for them together."""

import livn_gym

ENV_ID = "example/StayQuiet-v0"

livn_gym.register(
    ENV_ID,
    max_episode_steps=10,
    system="pair",
    params="lively",
    task="stay_quiet",
    encoding={"name": "uniform_pulses", "rate_hz": 10.0},
    decoding="active_cells",
    conditions="missed_spikes",
    io={"name": "first_electrodes", "count": 2},
    settle_ms=400.0,
)
