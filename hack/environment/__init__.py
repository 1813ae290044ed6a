"""
What a checkout needs before anything else runs: ``python3 hack/environment``.

Here belongs making ``.venv`` from the hash-locked requirements, the Debian packages that tests and
image builds need, and the locks themselves. Clusters and images do not. Standard library only,
since this runs before anything is installed.
"""
