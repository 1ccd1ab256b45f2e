"""Odd: what swift reading cannot take."""


class OddError(Exception):
    """Something that only the careful decoder can judge."""
