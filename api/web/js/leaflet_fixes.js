// Leaflet.VectorGrid 1.3 calls a function that Leaflet 1.8 removed: without it, clicks on its canvas tiles fail.
L.DomEvent.fakeStop = L.DomEvent.stop;

L.Control.Attribution.prototype.options.prefix = '<a href="https://leafletjs.com">Leaflet</a>';
