"""
mlz: an open deployment service for machine-learning models on Kubernetes.

This package holds the version and nothing else; ``operator/ARCHITECTURE.md`` says what is where.
"""

__version__ = "0.1.0"
