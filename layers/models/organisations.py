"""Organisations that look after something in the city."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Link, Shape, Style, column, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, KIND, NAME, PHONE, WEBSITE, dot


class Organisation(Feature):
    """A department, a utility or a contractor that answers for something; many have no place on the map."""

    __tablename__ = "organisations"

    layer = Layer(
        title=text("Organisations", "Организации", "Арганізацыі"),
        summary=text(
            "Departments, utilities and contractors that answer for reports, works and assets",
            "Службы, предприятия и подрядчики, отвечающие за обращения, работы и объекты",
            "Службы, прадпрыемствы і падрадчыкі, якія адказваюць за звароты, работы і аб'екты",
        ),
        function=CityFunction.FEEDBACK,
        shape=Shape.POINT,
        located=False,
        min_zoom=10,
        style=Style(
            order=86,
            label="name",
            label_min_zoom=15,
            visible=False,
            symbols=(dot(text("Organisation", "Организация", "Арганізацыя"), (), "#4b5d8a", width_px=9),),
        ),
    )

    name: Mapped[str] = column(NAME)
    kind: Mapped[str | None] = column(KIND)
    parent: Mapped[str | None] = column(
        text("Subordinate to", "Подчиняется", "Падпарадкоўваецца"), link=Link(layer="organisations")
    )
    phone: Mapped[str | None] = column(PHONE)
    email: Mapped[str | None] = column(text("E-mail", "Эл. почта", "Эл. пошта"))
    website: Mapped[str | None] = column(WEBSITE)
    address: Mapped[str | None] = column(ADDRESS)
