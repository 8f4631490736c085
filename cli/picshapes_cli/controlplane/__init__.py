"""The embedded control plane: real etcd and kube-apiserver on loopback, with no cluster at hand.

`binaries.ensure_binaries` finds or builds the programs; `server.ControlPlane` runs them in a state folder.
"""
