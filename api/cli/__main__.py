"""The command `horad`, as `python -m api.cli`."""

from __future__ import annotations

from api.cli.main import main

main()
