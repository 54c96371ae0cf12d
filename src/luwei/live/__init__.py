"""The latest state of every truck as arrays, and what a screen sees of it."""
