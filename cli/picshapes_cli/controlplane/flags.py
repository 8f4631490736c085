"""The command lines of etcd and kube-apiserver. Pure; `server` runs them in the state folder.

Paths are relative to the state folder: a Unix socket's path may have no more than 107 bytes, which a
state folder deep in a tree would exceed.
"""

from pathlib import Path

ETCD_FOLDER = "etcd"
ETCD_SOCKET = "unix://etcd.sock"
PEER_SOCKET = "unix://etcd-peer.sock"
SERVICE_CIDR = "10.96.0.0/16"  # no Service gets traffic here, but the API server insists on a range
ISSUER = "https://kubernetes.default.svc"  # what a cluster's own tokens say


def etcd_argv(program: Path, *, fsync: bool) -> list[str]:
    """Return etcd's command line: one member, reachable by Unix socket alone.

    etcd asks nobody who they are. In a folder of mode 700 the socket leaves that to the file system, which
    a TCP port on loopback, open to every user of the machine, would not.
    """
    return [
        str(program),
        "--name=picshapes",
        f"--data-dir={ETCD_FOLDER}",
        f"--listen-client-urls={ETCD_SOCKET}",
        f"--advertise-client-urls={ETCD_SOCKET}",
        f"--listen-peer-urls={PEER_SOCKET}",
        f"--initial-advertise-peer-urls={PEER_SOCKET}",
        f"--initial-cluster=picshapes={PEER_SOCKET}",
        "--log-level=warn",
        *([] if fsync else ["--unsafe-no-fsync"]),
    ]


def apiserver_argv(program: Path, *, port: int, credentials: Path) -> list[str]:
    """Return kube-apiserver's command line for a loopback port; `credentials` is relative, too."""
    return [
        str(program),
        f"--etcd-servers={ETCD_SOCKET}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--endpoint-reconciler-type=none",  # an Endpoints object may not name loopback
        f"--tls-cert-file={credentials / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={credentials / 'kube-apiserver.key'}",
        f"--token-auth-file={credentials / 'tokens.csv'}",
        "--anonymous-auth=false",
        "--authorization-mode=RBAC",
        f"--service-account-issuer={ISSUER}",
        f"--service-account-key-file={credentials / 'service-account.key'}",
        f"--service-account-signing-key-file={credentials / 'service-account.key'}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        # It would wait for the default ServiceAccount, which a controller manager makes: there is none.
        "--disable-admission-plugins=ServiceAccount",
        # Without it an open watch holds up the end for a minute; with it watches are told, and end at once.
        "--shutdown-watch-termination-grace-period=2s",
        "--profiling=false",
    ]
