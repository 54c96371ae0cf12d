"""Oversight of handling: orders 督办, post checks 查岗, appeal reviews, sealed packages, statistics, sham handling."""
