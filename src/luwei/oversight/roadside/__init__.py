"""Roadside checks 路检路查: what the platform can say of a truck that stands before an officer, and what he finds."""
