"""Figures of a result: each is a function that returns a matplotlib Figure, or None where it does not apply.

A figure function takes its numbers from YAML and, where its signature names them, ``result`` and ``title``.
"""
