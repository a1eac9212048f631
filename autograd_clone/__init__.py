"""Automatic differentiation of NumPy programs."""
