"""Make Folium's maps load everything from this service, so that they open without the internet."""

from collections.abc import Iterator

import folium
import folium.plugins
from folium.elements import JSCSSMixin

Link = tuple[str, str]

LOCAL_PATHS: dict[str, str] = {
    "leaflet": "vendor/leaflet/dist/leaflet.js",
    "leaflet_css": "vendor/leaflet/dist/leaflet.css",
    "leaflet_fixes": "js/leaflet_fixes.js",
    "jquery": "vendor/jquery/dist/jquery.min.js",
    "bootstrap": "vendor/bootstrap/dist/js/bootstrap.bundle.min.js",
    "bootstrap_css": "vendor/bootstrap/dist/css/bootstrap.min.css",
    "awesome_markers": "vendor/leaflet.awesome-markers/dist/leaflet.awesome-markers.min.js",
    "awesome_markers_css": "vendor/leaflet.awesome-markers/dist/leaflet.awesome-markers.css",
    "awesome_markers_font_css": "vendor/@fortawesome/fontawesome-free/css/all.min.css",
    "vectorGrid": "vendor/leaflet.vectorgrid/dist/Leaflet.VectorGrid.bundled.min.js",
    "Control.Fullscreen.js": "vendor/leaflet.fullscreen/Control.FullScreen.js",
    "Control.FullScreen.css": "vendor/leaflet.fullscreen/Control.FullScreen.css",
}
"""Where the service keeps what Folium links, by Folium's name of the link, below the address of its static files."""

UNNEEDED = frozenset({"glyphicons_css", "awesome_rotate_css"})
"""Style sheets of Bootstrap 3 and of rotated markers, which no npm package holds and no map of ours uses."""


def use_local_assets(*, static_url: str = "/static") -> dict[str, tuple[str, ...]]:
    """Point the scripts and style sheets of every Folium class at this service; tell which classes it can't supply.

    Folium keeps its links in lists on its classes, shared by all maps of the process: call this once, when the
    application starts. A second call changes nothing. Maps drawn with `branca.colormap` need a script of another host
    whatever is done here; draw legends in HTML.

    Parameters
    ----------
    static_url : str
        Address of the service's static files, without a slash at its end.

    Returns
    -------
    dict of str to tuple of str
        Names of the classes that this service can't supply, each with the addresses they would load from elsewhere.
    """
    elsewhere: dict[str, tuple[str, ...]] = {}
    _add_leaflet_fixes()
    for element in _with_subclasses(JSCSSMixin):
        element.default_js = _localise(element.default_js, static_url)
        element.default_css = _localise(element.default_css, static_url)
        links = (*element.default_js, *element.default_css)
        foreign = tuple(url for _, url in links if url.startswith(("http:", "https:", "//")))
        if foreign:
            elsewhere[element.__name__] = foreign
    return elsewhere


def _add_leaflet_fixes() -> None:
    links = list(folium.Map.default_js)
    if "leaflet_fixes" not in dict(links):
        after_leaflet = 1 + [name for name, _ in links].index("leaflet")
        folium.Map.default_js = [*links[:after_leaflet], ("leaflet_fixes", ""), *links[after_leaflet:]]


def _localise(links: list[Link], static_url: str) -> list[Link]:
    return [
        (name, f"{static_url}/{LOCAL_PATHS[name]}" if name in LOCAL_PATHS else url)
        for name, url in links
        if name not in UNNEEDED
    ]


def _with_subclasses(element: type[JSCSSMixin]) -> Iterator[type[JSCSSMixin]]:
    yield element
    for child in element.__subclasses__():
        yield from _with_subclasses(child)
