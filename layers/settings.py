"""What an operator can set from outside: the HORAD_* environment variables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from geo.errors import InvalidInputError

_SOURCE_TREE = Path(__file__).resolve().parents[1]
PROJECT = _SOURCE_TREE if (_SOURCE_TREE / "pyproject.toml").is_file() else Path.cwd()
"""Where relative defaults start: the checkout when run from one, else the current folder."""

_SQLALCHEMY_SCHEME = "postgresql+psycopg"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _for_psycopg(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", _SQLALCHEMY_SCHEME}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return f"{_SQLALCHEMY_SCHEME}://{rest}"


class Settings(BaseSettings):
    """Settings of this process, each read from the variable HORAD_ followed by its name."""

    model_config = SettingsConfigDict(env_prefix="HORAD_", env_ignore_empty=True, frozen=True)

    home: Annotated[Path, AfterValidator(_absolute)] = PROJECT / ".horad"
    database_url: Annotated[str, AfterValidator(_for_psycopg)] | None = None
    data: Annotated[Path, AfterValidator(_absolute)] = PROJECT.parent / "shared" / "data"
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    allow_private_addresses: bool = False
    max_download_mb: int = Field(default=2048, ge=1)
    max_unpacked_mb: int = Field(default=4096, ge=1)
    max_raster_megapixels: int = Field(default=4000, ge=1)
    custom_max_features: int = Field(default=500_000, ge=1)
    custom_max_mb: int = Field(default=200, ge=1)
    custom_max_columns: int = Field(default=40, ge=1, le=40)
    tile_cache_mb: int = Field(default=256, ge=0)
    tile_connections: int = Field(default=6, ge=1)
    redis_url: str | None = None
    download_timeout_s: int = Field(default=3600, ge=1)


@lru_cache
def get_settings() -> Settings:
    """Read the settings once per process.

    Returns
    -------
    Settings
        The same object on every call; ``get_settings.cache_clear()`` makes the next call read again.

    Raises
    ------
    InvalidInputError
        A variable has a value that can't be used; the text names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        problems = (f"HORAD_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors())
        raise InvalidInputError("; ".join(problems)) from error
