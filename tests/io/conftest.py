import pytest

from livn_gym.system import generate, predefined_config


@pytest.fixture(scope="session")
def ei2():
    return generate(predefined_config("EI2"))
