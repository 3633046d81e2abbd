"""What QGIS makes of the service whose address is given; run by the Python that has QGIS, and told as JSON."""

import json
import os
import sys
from urllib.request import urlopen

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeatureRequest,
    QgsMapBoxGlStyleConverter,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize

URL = sys.argv[1]
BOX = QgsRectangle(24.940, 60.168, 24.945, 60.171)
SIDE = 300


def features(layer):
    return QgsVectorLayer(f"typename='{layer}' url='{URL}/' pageSize='1000'", layer, "OAPIF")


def colours(layer, box):
    """How many colours a layer has when it is drawn."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    settings.setExtent(box)
    settings.setOutputSize(QSize(SIDE, SIDE))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage()
    return len({picture.pixel(x, y) for x in range(0, SIDE, 3) for y in range(0, SIDE, 3)})


def main():
    roads = features("roads")
    told = {"valid": roads.isValid(), "count": roads.featureCount(), "crs": roads.crs().authid()}
    told["rows"] = sum(1 for _ in roads.getFeatures())
    told["in_box"] = sorted(each["road_class"] for each in roads.getFeatures(QgsFeatureRequest().setFilterRect(BOX)))
    roads.setSubsetString("\"road_class\" = 'residential'")
    told["residential"] = sum(1 for _ in roads.getFeatures())

    tiles = QgsVectorTileLayer(
        f"type=xyz&url={URL}/collections/buildings/tiles/WebMercatorQuad/%7Bz%7D/%7By%7D/%7Bx%7D&zmin=0&zmax=16",
        "tiles",
    )
    with urlopen(f"{URL}/styles/buildings") as answer:
        style = answer.read().decode()
    converter = QgsMapBoxGlStyleConverter()
    converter.convert(style)
    told["warnings"] = converter.warnings()
    told["filters"] = [each.filterExpression() for each in converter.renderer().styles()]
    tiles.setRenderer(converter.renderer())
    told["tile_colours"] = colours(tiles, BOX)

    for raster in sys.argv[2:]:
        layer = f"{raster}_WebMercatorQuad_default"
        source = f"url={URL}/rasters/{raster}/WMTSCapabilities.xml&layers={layer}&styles=default"
        source += "&format=image/png&tileMatrixSet=WebMercatorQuad&crs=EPSG:3857"
        wmts = QgsRasterLayer(source, "wmts", "wms")
        told["wmts_colours"] = colours(wmts, QgsRectangle(24.9106, 60.1666, 24.9143, 60.1693))
    print(json.dumps(told))
    sys.stdout.flush()


application = QgsApplication([], False)
application.initQgis()
main()
os._exit(0)  # QGIS breaks when Python takes its objects apart
