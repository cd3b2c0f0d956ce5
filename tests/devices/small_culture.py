"""A culture of 120 cells on the array of a CL1, which is built and simulated quickly."""

SMALL = """
seed = 1
[area]
shape = "rectangle"
width_um = 1000
height_um = 1000
[populations]
count = { EXC = 96, INH = 24 }
[connectivity]
sigma_um = 200
cutoff_um = 600
in_degree = { EXC_EXC = 10, EXC_INH = 10, INH_EXC = 5, INH_INH = 5 }
[delay]
base_ms = 0.5
velocity_um_per_ms = 250
resolution_ms = 0.05
[synapses]
scale_cv = 0.3
EXC = { section = "hillock", receptors = ["AMPA", "NMDA"] }
INH = { section = "soma", receptors = ["GABA_A"] }
[electrodes]
rows = 8
columns = 8
pitch_um = 125
"""
