"""
A Kubernetes cluster in one command: ``python3 hack/cluster up|down|status|load|controlplane``.

Here belongs what a cluster is made of: its programs (built from Go modules), keys, node, images.
What runs *in* the cluster does not. Standard library only, since this runs before anything is
installed. Tests put ``hack/`` on ``sys.path`` and use ``from cluster.controlplane import
ControlPlane``; the command does the same for itself.

Whichever way a cluster came, the checkout then has ``build/kubeconfig`` and ``build/bin/`` with
kubectl and helm. The single node keeps all it has in ``/var/lib/mlz-cluster`` and
``/run/mlz-cluster``; its logs, and ``audit.log`` with every request by whom, are linked as
``build/cluster/logs``. Built programs are in ``~/.cache/mlz/bin``.
"""
