"""What can go wrong on the floor of the data."""

from __future__ import annotations

from geo.errors import HoradError


class NotFoundError(HoradError):
    """A layer, feature, territory, source or analysis of that name is not there."""


class DatabaseError(HoradError):
    """The database can't be found, started or reached; the text says what to do."""


class SourceError(HoradError):
    """A source can't be read: missing, cut off, of an unknown kind."""


class UnavailableError(SourceError):
    """A source on the network can't be had right now; later it may be."""


class ExportError(HoradError):
    """A file can't be written whole."""


class BusyError(HoradError):
    """Too much is asked at once; later it can be done."""


class InvalidFeatureError(HoradError):
    """What was sent is no feature of the layer; the text names each place in it and what is wrong there."""


class StaleError(HoradError):
    """A feature has changed since it was read."""


class NotAllowedError(HoradError):
    """The caller's roles don't allow it."""
