"""Prints the description of the API, in OpenAPI 3.1; as a process of its own, which may hold all that it takes."""

from __future__ import annotations

import json
import sys

from api.app import create_app

if __name__ == "__main__":
    json.dump(create_app().openapi(), sys.stdout)
