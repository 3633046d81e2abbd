"""Fill ``vendor/`` with the front-end assets that the service hands out itself: ``python -m api.web.build``.

The assets come from the npm packages that ``package-lock.json`` pins (``npm ci`` first), with their own folders kept,
since style sheets refer to images and fonts by relative paths. Label glyphs are drawn from the packaged font.
"""

import hashlib
import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent
VENDOR = WEB / "vendor"
MANIFEST = VENDOR / "manifest.json"

ASSETS: dict[str, tuple[str, ...]] = {
    "maplibre-gl": ("dist/maplibre-gl.mjs", "dist/maplibre-gl-worker.mjs", "dist/maplibre-gl.css", "LICENSE.txt"),
    "leaflet": ("dist/leaflet.js", "dist/leaflet.css", "dist/images/*.png", "LICENSE"),
    "leaflet.vectorgrid": ("dist/Leaflet.VectorGrid.bundled.min.js", "README.md"),
    "leaflet.fullscreen": ("Control.FullScreen.js", "Control.FullScreen.css", "icon-fullscreen.svg", "LICENSE"),
    "leaflet.awesome-markers": (
        "dist/leaflet.awesome-markers.min.js",
        "dist/leaflet.awesome-markers.css",
        "dist/images/*.png",
        "LICENSE",
    ),
    "jquery": ("dist/jquery.min.js", "LICENSE.txt"),
    "bootstrap": ("dist/js/bootstrap.bundle.min.js", "dist/css/bootstrap.min.css", "LICENSE"),
    "@fortawesome/fontawesome-free": ("css/all.min.css", "webfonts/*.woff2", "LICENSE.txt"),
    "@expo-google-fonts/noto-sans": ("LICENSE_FONT",),
}

FONTSTACKS = {
    "Noto Sans Regular": "@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf",
    "Noto Sans Bold": "@expo-google-fonts/noto-sans/700Bold/NotoSans_700Bold.ttf",
}

logger = logging.getLogger(__name__)


class AssetError(RuntimeError):
    """The npm packages are not there, or not the ones this version of Horad was made with."""


def build(*, node_modules: Path = WEB / "node_modules", vendor: Path = VENDOR) -> dict[str, Any]:
    """Copy the assets out of the npm packages, draw the label glyphs, and write the manifest.

    Parameters
    ----------
    node_modules : Path
        Where ``npm ci`` has put the packages.
    vendor : Path
        The folder to fill; what it held before is replaced.

    Returns
    -------
    dict
        The manifest: ``inputs`` (hash of what the folder was built from), ``packages`` (version, licence, files and
        their SHA-256 for each package) and ``fonts`` (the fontstacks).

    Raises
    ------
    AssetError
        If a package or a file of it is missing.
    """
    fresh = vendor.with_name(vendor.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    packages = {name: _copy_package(node_modules / name, fresh / name, patterns) for name, patterns in ASSETS.items()}
    for fontstack, font in FONTSTACKS.items():
        logger.info("drawing label glyphs: %s", fontstack)
        _write_glyphs(fontstack, node_modules / font, fresh / "fonts" / fontstack)
    manifest = {"inputs": _inputs_hash(), "packages": packages, "fonts": sorted(FONTSTACKS)}
    (fresh / MANIFEST.name).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(vendor, ignore_errors=True)
    fresh.rename(vendor)
    return manifest


def is_current() -> bool:
    """Tell whether ``vendor/`` was built from the packages, fonts and code that are here now."""
    return MANIFEST.is_file() and json.loads(MANIFEST.read_text()).get("inputs") == _inputs_hash()


def _inputs_hash() -> str:
    sources = (WEB / "package-lock.json", WEB / "build.py", WEB / "glyphs.py")
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _copy_package(package: Path, target: Path, patterns: tuple[str, ...]) -> dict[str, Any]:
    if not (package / "package.json").is_file():
        raise AssetError(f"no npm package in {package}; run: npm ci --ignore-scripts --prefix {WEB}")
    description = json.loads((package / "package.json").read_text())
    files = {}
    for pattern in patterns:
        found = sorted(package.glob(pattern))
        if not found:
            raise AssetError(f"{package.name} {description['version']} has no {pattern}")
        for source in found:
            path = source.relative_to(package)
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / path)
            files[path.as_posix()] = hashlib.sha256(source.read_bytes()).hexdigest()
    return {"version": description["version"], "licence": description["license"], "files": files}


def _write_glyphs(fontstack: str, font: Path, target: Path) -> None:
    from api.web.glyphs import GlyphFont, glyph_ranges  # takes a second; is_current() must not wait for it

    target.mkdir(parents=True)
    for name, content in glyph_ranges(fontstack, GlyphFont(font)):
        (target / f"{name}.pbf").write_bytes(content)


def main() -> int:
    """Build the assets unless they are current; the exit code says whether they are there."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if is_current():
        logger.info("front-end assets are up to date")
        return 0
    try:
        manifest = build()
    except AssetError as error:
        logger.error("%s", error)  # noqa: TRY400
        return 1
    logger.info("front-end assets of %d packages are in %s", len(manifest["packages"]), VENDOR)
    return 0


if __name__ == "__main__":
    sys.exit(main())
