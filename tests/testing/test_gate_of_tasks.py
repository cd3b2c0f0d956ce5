"""The short form of the gate on shipped tasks: 4 episodes per arm, one blanking, on the native engine."""

import pytest

from livn_gym.testing import network_gate

SHORT = {"short": True, "blankings": [(5.0, 5.0)]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        ("livn/EI2-v0", {}),
        ("livn/EI2-ResponseClamp-v0", {}),
        ("livn/EI3-Discrimination-v0", {"max_episode_steps": 20}),
    ],
)
def test_a_task_needs_the_network(env_id, options):
    result = network_gate(env_id, **SHORT, **options).check()
    assert not result.exempt and result.share.value > 0.85


@pytest.mark.slow
def test_a_culture_of_one_electrode_is_exempt():
    assert network_gate("livn/EI1-v0", **SHORT, max_episode_steps=20).check().exempt
