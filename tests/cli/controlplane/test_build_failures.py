import pytest

from picshapes_cli.controlplane.build_failures import explain_failure

NO_NETWORK = """\
go: downloading k8s.io/api v0.37.2
go: k8s.io/api@v0.37.2: Get "https://proxy.example/api.zip": dial tcp: lookup proxy.example: no such host
"""
PROXY_REFUSES = (
    "go: k8s.io/api@v0.37.2: reading https://proxy.example/k8s.io/api/@v/v0.37.2.mod: 502 Bad Gateway\n"
)
CHECKSUM = """\
verifying k8s.io/api@v0.37.2: checksum mismatch
\tdownloaded: h1:aaaa
\tgo.sum:     h1:bbbb

SECURITY ERROR
"""
NO_SPACE = "write /home/a/.cache/x.a: no space left on device\n"
KILLED = "k8s.io/kubernetes/pkg/apis/core: compile: signal: killed\n"
OTHER = "# example.com/a\n./main.go:3:1: undefined: x\n"


@pytest.mark.parametrize(
    ("output", "code", "advice"),
    [
        (NO_NETWORK, "MODULE_DOWNLOAD_FAILED", "See that this machine reaches a Go module proxy"),
        (PROXY_REFUSES, "MODULE_DOWNLOAD_FAILED", "or put etcd, kube-apiserver on PATH"),
        (CHECKSUM, "MODULE_CHECKSUM_MISMATCH", "Don't go on with it"),
        (NO_SPACE, "CONTROL_PLANE_BUILD_FAILED", "The disk is full"),
        (KILLED, "CONTROL_PLANE_BUILD_FAILED", "needs about 3 GB of memory"),
        (OTHER, "CONTROL_PLANE_BUILD_FAILED", "Building etcd, kube-apiserver failed"),
    ],
)
def test_a_failed_build_says_why_and_what_to_do(output: str, code: str, advice: str) -> None:
    error = explain_failure(output, "/cache/build.log", "etcd, kube-apiserver")

    assert error.code == code
    assert advice in str(error)
    assert "/cache/build.log" in str(error)
    assert str(error).endswith(output.rstrip("\n"))


def test_only_the_end_of_a_long_log_is_in_the_message() -> None:
    error = explain_failure(
        "".join(f"line {number}\n" for number in range(100)), "/cache/build.log", "etcd, kube-apiserver"
    )

    assert "line 79" not in str(error)
    assert str(error).endswith("line 98\nline 99")
