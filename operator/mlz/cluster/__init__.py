"""
The only package that talks to Kubernetes: requests, facts gathered from what is watched, writes.

The official client gives configuration, authentication and transport; bodies stay plain JSON, so a
field that a newer Kubernetes adds is never lost on the way.
"""
