"""kjnb: a DataFrame through a Kubernetes Indexed Job and back, from a notebook."""

__version__ = "0.1.0"
