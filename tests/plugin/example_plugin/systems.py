"""A system that is generated, and parameters for it."""

from importlib.resources import as_file, files

from livn_gym.system import GeneratorConfig, System, generate

LIVELY = {
    "weight-EXC_EXC-hillock-AMPA-weight": 1.0,
    "weight-INH_EXC-soma-GABA_A-weight": 2.0,
    "noise-g_e0": 1.5,
    "noise-g_i0": 3.0,
    "noise-std_e": 3.0,
    "noise-std_i": 1.0,
}


def pair(seed: int | None = None) -> System:
    """Twelve cells under four electrodes; another seed is another graph."""
    with as_file(files("example_plugin") / "pair.toml") as path:
        return generate(GeneratorConfig.from_toml(path), seed)
