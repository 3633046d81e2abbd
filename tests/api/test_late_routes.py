import subprocess
import sys
from importlib import import_module

import pytest

HEAVY = (
    "rasterio",
    "rio_tiler",
    "titiler.core",
    "matplotlib",
    "folium",
    "scipy.sparse",
    "sklearn",
    "pyogrio",
    "joserfc",
)
LATE = ("api.maps", "api.rasters.maps", "api.rasters.tiles", "api.rasters.tilesets", "api.rasters.values")


def test_a_service_that_was_asked_for_nothing_holds_no_library_of_maps_rasters_and_methods() -> None:
    asked = f"import sys; from api.app import create_app; create_app(); print(*set({HEAVY + LATE}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("module", LATE)
def test_routes_that_are_mounted_late_add_nothing_to_the_conformance_of_the_service(module: str) -> None:
    assert not hasattr(import_module(module), "CONFORMS_TO")
