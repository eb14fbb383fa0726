"""The equations once more in plain NumPy and float64: the truth that both backends answer to.

Nothing here is imported from the package, so that a mistake there cannot repeat itself here.
"""
