"""The database starts anew while a crowd of clients asks: no wrong answer, only 503 with Retry-After."""

from __future__ import annotations

import subprocess
import sys

from layers.settings import PROJECT


def test_nobody_gets_a_wrong_answer_while_the_database_starts_anew(server_url: str) -> None:
    crowd = [sys.executable, "-m", "benchmarks.restart", "--url", server_url, "--clients", "200", "--seconds", "9"]
    done = subprocess.run(crowd, cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "503" in done.stdout, "the database was away"
