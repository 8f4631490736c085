"""The servers that tests stand on leave nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

HOLDER = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("servers", sys.argv[1])
servers = importlib.util.module_from_spec(spec)
sys.modules["servers"] = servers
spec.loader.exec_module(servers)
with servers.postgres() as postgres, servers.redis() as redis:
    print(postgres.process.pid, redis.process.pid, postgres.folder, flush=True)
    sys.stdin.read()
"""


def test_servers_die_with_a_killed_test_run() -> None:
    command = [sys.executable, "-c", HOLDER, str(Path(__file__).parent / "servers.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        *pids, folder = holder.stdout.readline().decode().split()
        processes = [psutil.Process(int(pid)) for pid in pids]
        assert all(process.is_running() for process in processes)
        os.kill(holder.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
    shutil.rmtree(folder)
