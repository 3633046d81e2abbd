"""A city in a notebook: its layers as frames, its streets as a network, its analyses as calls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import geopandas as gpd
from sqlalchemy import Engine

from geo.networks.network import Network
from layers.catalog import all_layers, find
from layers.custom import custom
from layers.history.changes import ChangeReport, changes
from layers.history.history import State, timeline
from layers.models.base import STORAGE_SRID
from layers.postgres import database
from layers.processes import runner
from layers.reading import store
from layers.territories.facts import Selection
from layers.territories.territory import find_territory


class LayerOfCity:
    """One layer of a city."""

    def __init__(self, engine: Engine, territory: str, name: str, as_of: dt.datetime | None = None) -> None:
        find(name)
        self.name = name
        self._engine = engine
        self._territory = territory
        self._as_of = as_of

    def read(
        self,
        *,
        bbox: store.Box | None = None,
        limit: int | None = None,
        only: Sequence[str] | None = None,
        crs: int = STORAGE_SRID,
        tags: bool = False,
        as_of: dt.datetime | None = None,
    ) -> gpd.GeoDataFrame:
        """Read the layer.

        Parameters
        ----------
        bbox
            Only what touches the box west, south, east, north, in degrees.
        limit
            At most so many features.
        only
            The columns wanted; by default all. ``source_id``, to which links of other layers lead, may be among them.
        crs
            The EPSG code of the CRS wanted, such as the city's ``metric_srid``.
        tags
            Whether what has no column of its own comes along, as a dict a feature.
        as_of
            As the layer was at that moment; by default at the city's, or as it is.

        Returns
        -------
        geopandas.GeoDataFrame
            One row a feature, the index holding its id.
        """
        query = store.Query(territory=self._territory, bbox=bbox, limit=limit, as_of=as_of or self._as_of)
        with self._engine.connect() as connection:
            return store.read_frame(connection, self.name, query, srid=crs, only=only, tags=tags)

    def changes(self, *, since: dt.datetime, until: dt.datetime | None = None) -> ChangeReport:
        """Compare the layer at two moments; ``until`` is now by default."""
        with self._engine.connect() as connection:
            return changes(connection, self.name, since=since, until=until, territory=self._territory)

    def timeline(self, feature_id: int) -> list[State]:
        """Return the states that a feature has been in, the earliest first."""
        with self._engine.connect() as connection:
            return timeline(connection, self.name, feature_id)

    def __len__(self) -> int:
        with self._engine.connect() as connection:
            return store.count(connection, self.name, store.Query(territory=self._territory, as_of=self._as_of))

    def __repr__(self) -> str:
        names = ", ".join(each.name for each in find(self.name).columns)
        return f"<{self.name} of {self._territory}: {len(self)} features with {names}>"


class City:
    """A territory that the base knows: ``city = City("helsinki")``, then ``city.roads.read()``.

    Parameters
    ----------
    territory
        Its id.
    engine
        The database; by default the project's own.
    as_of
        As the city was at that moment: its layers, its network and what analyses find; by default as it is.

    Raises
    ------
    NotFoundError
        The base doesn't know the territory; the text lists those it knows.
    """

    def __init__(self, territory: str, *, engine: Engine | None = None, as_of: dt.datetime | None = None) -> None:
        self._engine = engine or database.engine()
        with self._engine.connect() as connection:
            custom.refresh(connection)
            known = find_territory(connection, territory)
        self.id = territory
        self.as_of = as_of
        self.title: dict[str, str] = known["title"]
        self.metric_srid: int = known["metric_srid"]
        self.timezone: str | None = known["timezone"]
        self.norms: dict[str, dict[str, Any]] = known["norms"]
        """What planning rules ask for: by a name of `territories.norms.NORMS`, a ``value`` and its ``source``."""
        self._offered = Selection.model_validate(known["layers"])

    @property
    def layers(self) -> list[str]:
        """The names of the layers that it has."""
        return sorted(each for each in all_layers() if each in self._offered)

    def __getattr__(self, name: str) -> LayerOfCity:
        if name not in all_layers():
            raise AttributeError(f"a city has no layer {name!r}; it has {', '.join(self.layers)}")
        return LayerOfCity(self._engine, self.id, name, self.as_of)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.layers]

    @property
    def network(self) -> Network:
        """The streets, ready for analyses; built again only when the roads have changed."""
        return runner.network(self._engine, self.id, "roads", as_of=self.as_of)

    def run(self, analysis: str, **parameters: Any) -> gpd.GeoDataFrame:
        """Run an analysis on the city's layers.

        Parameters
        ----------
        analysis
            Its id, such as ``service-areas``.
        parameters
            Those of the analysis that are not layers.
        """
        return runner.run(self._engine, analysis, parameters, territory=self.id, as_of=self.as_of)
