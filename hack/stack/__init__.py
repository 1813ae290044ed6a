"""
The whole product on a cluster: environment, cluster, images, chart. Standard library only.

`hack/demo` and the e2e tests stand on it. What each part is made of is in ``environment``,
``cluster`` and ``images`` beside this folder.
"""
