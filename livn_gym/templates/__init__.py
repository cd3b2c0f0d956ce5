"""Templates that ``livn-gym new`` copies: working examples whose class is renamed after the new file."""
