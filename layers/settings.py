"""What an operator can set from outside: the HORAD_* environment variables."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from geo.errors import InvalidInputError

_SOURCE_TREE = Path(__file__).resolve().parents[1]
PROJECT = _SOURCE_TREE if (_SOURCE_TREE / "pyproject.toml").is_file() else Path.cwd()
"""Where relative defaults start: the checkout when run from one, else the current folder."""

_SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_SQLALCHEMY_SCHEME = "postgresql+psycopg"


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _for_psycopg(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in {"postgres", "postgresql", _SQLALCHEMY_SCHEME}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    return f"{_SQLALCHEMY_SCHEME}://{rest}"


def _algorithms(given: object) -> object:
    """Read a list of algorithms; those with a shared secret, and none, are never among them."""
    names = tuple(each.strip() for each in given.split(",")) if isinstance(given, str) else given
    if isinstance(names, tuple) and not set(names) <= set(_SIGNATURES):
        raise ValueError(f"must be some of {', '.join(_SIGNATURES)}, separated by commas")
    return names


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
    page_cache_mb: int = Field(default=32, ge=0)
    tile_connections: int = Field(default=6, ge=1)
    page_connections: int = Field(default=4, ge=1)
    redis_url: str | None = None
    download_timeout_s: int = Field(default=3600, ge=1)

    workers: int = Field(default=1, ge=1, le=256)
    connections: int = Field(default=10, ge=1)
    wait_s: float = Field(default=3, gt=0)
    statement_timeout_s: float = Field(default=20, gt=0)
    analysis_timeout_s: float = Field(default=120, gt=0)
    analyses_at_once: int = Field(default=2, ge=1)
    in_flight: int = Field(default=400, ge=1)
    max_body_mb: float = Field(default=10, gt=0)
    shutdown_s: int = Field(default=10, ge=1)

    edits_need_if_match: bool = False
    """Whether whoever changes a feature must tell by If-Match in which state they saw it; QGIS doesn't."""
    rate_limit: str = "12000/minute"
    """How often one user, or one address, may ask; ``off`` for as often as they like. A map asks for a hundred tiles at
    once and then rests."""
    rate_storage: str = "memory://"
    cors_origins: str = "*"
    frame_ancestors: str = "'self'"
    trusted_proxies: str = "127.0.0.1"
    access_log: bool = True
    metrics_port: int | None = Field(default=None, ge=1, le=65535)
    metrics_host: str = "127.0.0.1"
    telemetry: bool = False

    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_jwks: str | None = None
    oidc_algorithms: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_algorithms)] = ("RS256", "ES256")
    oidc_claim: str = "sub"
    oidc_prefix: str = ""
    oidc_write_scope: str | None = None
    oidc_leeway_s: int = Field(default=30, ge=0, le=600)
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_session_h: float = Field(default=8, gt=0, le=720)

    @model_validator(mode="after")
    def _tokens_are_for_someone(self) -> Settings:
        if self.oidc_issuer is not None and self.oidc_audience is None:
            raise ValueError("HORAD_OIDC_AUDIENCE must say for whom the tokens of HORAD_OIDC_ISSUER are")
        if self.oidc_client_id is not None and self.oidc_issuer is None:
            raise ValueError("HORAD_OIDC_ISSUER must say whose client HORAD_OIDC_CLIENT_ID is")
        return self


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
        problems = (
            f"HORAD_{str(item['loc'][0]).upper()}: {item['msg']}" if item["loc"] else str(item["ctx"]["error"])
            for item in error.errors()
        )
        raise InvalidInputError("; ".join(problems)) from error
