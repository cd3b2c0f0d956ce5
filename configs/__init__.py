"""Numbers only: systems, parameters, tasks and agents' hyperparameters as TOML and YAML."""
