from pathlib import Path

from picshapes_cli.controlplane.flags import apiserver_argv, etcd_argv


def test_etcd_listens_on_unix_sockets_only() -> None:
    urls = [flag for flag in etcd_argv(Path("/bin/etcd"), fsync=True) if "urls" in flag]

    assert urls == [
        "--listen-client-urls=unix://etcd.sock",
        "--advertise-client-urls=unix://etcd.sock",
        "--listen-peer-urls=unix://etcd-peer.sock",
        "--initial-advertise-peer-urls=unix://etcd-peer.sock",
    ]


def test_etcd_syncs_to_disk_unless_told_otherwise() -> None:
    assert "--unsafe-no-fsync" not in etcd_argv(Path("/bin/etcd"), fsync=True)
    assert "--unsafe-no-fsync" in etcd_argv(Path("/bin/etcd"), fsync=False)


def test_the_api_server_is_on_loopback_knows_nobody_unnamed_and_asks_rbac() -> None:
    argv = apiserver_argv(Path("/bin/kube-apiserver"), port=6443, credentials=Path("credentials"))

    assert argv[0] == "/bin/kube-apiserver"
    assert {
        "--bind-address=127.0.0.1",
        "--secure-port=6443",
        "--anonymous-auth=false",
        "--authorization-mode=RBAC",
        "--token-auth-file=credentials/tokens.csv",
    } <= set(argv)
