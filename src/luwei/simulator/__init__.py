"""Trucks that speak JT/T 808, well and badly: a fleet on Guangdong's roads, and the replay of captured frames."""
