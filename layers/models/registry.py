"""The platform's own tables: territories, loads, rejected records and versions of layers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    LargeBinary,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from layers.models.base import STORAGE_SRID, Base


class TerritoryRow(Base):
    """A city or region the base knows."""

    __tablename__ = "territories"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[dict[str, str]] = mapped_column(JSONB)
    parent: Mapped[str | None] = mapped_column(ForeignKey("territories.id"))
    metric_srid: Mapped[int]
    boundary: Mapped[Any] = mapped_column(Geometry("GEOMETRY", srid=STORAGE_SRID, spatial_index=False), nullable=True)
    view: Mapped[list[float] | None] = mapped_column(JSONB)
    attribution: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}")
    restricted: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    pack: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    facts: Mapped[dict[str, Any] | None] = mapped_column(
        JSONB, Computed("((pack - 'sources'::text) - 'boundary'::text)", persisted=True)
    )
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class IngestRun(Base):
    """One load of one source: what came in and what became of it.

    A load that ``adds`` is one of a part of the source, such as mended rejects, and closes nothing. One that failed
    has an ``error``, and has changed nothing.
    """

    __tablename__ = "ingest_runs"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    territory: Mapped[str] = mapped_column(ForeignKey("territories.id", ondelete="CASCADE"), index=True)
    source: Mapped[str]
    file_name: Mapped[str]
    fingerprint: Mapped[str]
    adds: Mapped[bool] = mapped_column(server_default="false")
    state: Mapped[str] = mapped_column(server_default="done")
    error: Mapped[str | None]
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    finished_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)

    __table_args__ = (CheckConstraint("state IN ('done', 'failed')", name="state"),)


class IngestReject(Base):
    """A record that a load could not take, as it came, and why.

    The record is told in fields of the source or, where it is ``mapped``, in columns of the layer with its tags. One
    that was fed again has the number of the load that did so.
    """

    __tablename__ = "ingest_rejects"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run: Mapped[int] = mapped_column(ForeignKey("ingest_runs.id", ondelete="CASCADE"), index=True)
    layer: Mapped[str]
    source_id: Mapped[str]
    reason: Mapped[str]
    mapped: Mapped[bool] = mapped_column(server_default="false")
    retried_in: Mapped[int | None] = mapped_column(ForeignKey("ingest_runs.id", ondelete="SET NULL"))
    record: Mapped[dict[str, Any]] = mapped_column(JSONB)


class LayerVersion(Base):
    """How often a layer has changed: the key of every cache."""

    __tablename__ = "layer_versions"

    layer: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, server_default="0")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    changed_in: Mapped[int | None] = mapped_column(BigInteger)


class LayerChange(Base):
    """Where a change of a layer lies: boxes of degrees, each west, south, east and north."""

    __tablename__ = "layer_changes"

    layer: Mapped[str] = mapped_column(ForeignKey("layer_versions.layer", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boxes: Mapped[list[list[float]]] = mapped_column(ARRAY(Double))


class CustomLayer(Base):
    """A layer that a user made of a file: its description; its features are in a table of its name."""

    __tablename__ = "custom_layers"

    name: Mapped[str] = mapped_column(primary_key=True)
    territory: Mapped[str] = mapped_column(ForeignKey("territories.id"))
    description: Mapped[dict[str, Any]] = mapped_column(JSONB)
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    added_by: Mapped[str] = mapped_column(server_default="")
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Membership(Base):
    """What someone may do in a territory and in all that belong to it."""

    __tablename__ = "memberships"

    principal: Mapped[str] = mapped_column(primary_key=True)
    territory: Mapped[str] = mapped_column(ForeignKey("territories.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]
    granted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    granted_by: Mapped[str] = mapped_column(server_default=text("session_user"))

    __table_args__ = (CheckConstraint("role IN ('viewer', 'analyst', 'editor', 'admin')", name="role"),)


class ProcessJob(Base):
    """A run of an analysis that its caller doesn't wait for.

    It is seen by whoever asked for it; those of the public by the public. The ``results`` are the texts of the outputs
    and their media types, by name; ``problem`` is the kind of the error of one that failed.
    """

    __tablename__ = "process_jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    process: Mapped[str]
    territory: Mapped[str | None] = mapped_column(ForeignKey("territories.id", ondelete="CASCADE"))
    principal: Mapped[str | None]
    inputs: Mapped[dict[str, Any]] = mapped_column(JSONB)
    outputs: Mapped[list[str]] = mapped_column(ARRAY(Text))
    response: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="accepted")
    message: Mapped[str | None]
    problem: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
    started: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    updated: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    results: Mapped[dict[str, Any] | None] = mapped_column(JSONB)

    __table_args__ = (
        CheckConstraint("status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')", name="status"),
    )


class User(Base):
    """Someone who can sign in; what they may do, their memberships say."""

    __tablename__ = "users"

    principal: Mapped[str] = mapped_column(primary_key=True)
    disabled: Mapped[bool] = mapped_column(server_default="false")
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ApiKey(Base):
    """A key with which programs sign in as a user; of its secret only the hash is kept."""

    __tablename__ = "api_keys"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    principal: Mapped[str] = mapped_column(ForeignKey("users.principal", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(server_default="")
    writes: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AuditEntry(Base):
    """What someone did to users, keys, roles and the past, and who tried to sign in in vain."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.clock_timestamp(), index=True)
    actor: Mapped[str] = mapped_column(server_default=text("horad_actor()"))
    address: Mapped[str | None] = mapped_column(
        server_default=text("nullif(current_setting('horad.address', true), '')")
    )
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
