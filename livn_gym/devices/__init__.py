"""Real closed-loop systems: simulated cultures behind a device's API, and devices as environments."""
