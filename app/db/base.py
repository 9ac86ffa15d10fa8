"""The declarative base with its constraint names, and the Flask-SQLAlchemy instance."""

import uuid
from datetime import datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Text, Uuid
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, registry

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class Base(DeclarativeBase):
    """Every table. What the database fills in is read back with the write (RETURNING)."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            str: Text,
            bytes: BYTEA,
            uuid.UUID: Uuid,
            datetime: TIMESTAMP(timezone=True),
            dict[str, Any]: JSONB,
            list[str]: JSONB,
        },
    )
    __mapper_args__ = {"eager_defaults": True}


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
