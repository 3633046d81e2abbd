"""Reads CQL2 text into the tree that CQL2 JSON writes: in linear time, with the place of every mistake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import shapely

from geo.errors import InvalidInputError

MAX_DEPTH = 40
_MAX_BRACKETS = 6
_MAX_NUMBER = 400

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<text>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<word>[^\W\d][\w.:]*)
    | (?P<sign><>|!=|<=|>=|[=<>(),+\-*/%^])
    )""",
    re.VERBOSE,
)
_REST = re.compile(r"\s*")
_GEOMETRIES = {
    "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION",
}  # fmt: skip
_SIGNS = {"!=": "<>"}
_COMPARISONS = {"=", "<>", "<", ">", "<=", ">="}
_AND, _OR, _NOT, _COMPARED = 20, 10, 30, 40
_STRENGTH = {
    "or": _OR,
    "and": _AND,
    **dict.fromkeys([*_COMPARISONS, "like", "between", "in", "is", "not"], _COMPARED),
    **dict.fromkeys("+-", 50),
    **dict.fromkeys(["*", "/", "%", "div"], 60),
    "^": 70,
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def infix(self) -> str:
        """What the token is called between two operands."""
        return self.text.lower() if self.kind in ("word", "sign") else ""


def parse_text(text: str) -> Any:
    """Return the tree of a CQL2 text.

    Raises
    ------
    InvalidInputError
        It is no CQL2; the text says where it goes wrong.
    """
    reader = _Reader(text)
    found = reader.expression(0)
    if reader.token.kind != "end":
        raise reader.mistake("expected AND, OR or the end")
    return found


class _Reader:
    """A parser by precedence climbing, one token ahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._depth = 0
        self.token = self._read(0)

    def mistake(self, what: str, token: _Token | None = None) -> InvalidInputError:
        """Return the error of a token that isn't what should be there."""
        at = token or self.token
        found = "the end" if at.kind == "end" else at.text if len(at.text) <= 40 else f"{at.text[:40]}…"
        return InvalidInputError(f"filter: at character {at.start + 1}, {found}: {what}")

    def expression(self, weakest: int) -> Any:
        """Read an expression whose operators bind more strongly than the weakest."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.mistake(f"nested more than {MAX_DEPTH} deep")
        left = self._operand()
        while (strength := _STRENGTH.get(self.token.infix, 0)) > weakest:
            left = self._joined(left, strength)
            if strength == _COMPARED and _STRENGTH.get(self.token.infix) == _COMPARED:
                raise self.mistake("comparisons can't follow one another; join them with AND or OR")
        self._depth -= 1
        return left

    def _read(self, start: int) -> _Token:
        found = _TOKEN.match(self._text, start)
        if found is not None and found.lastgroup is not None:
            return _Token(found.lastgroup, found.group(found.lastgroup), found.start(found.lastgroup), found.end())
        rest = _REST.match(self._text, start)
        at = start if rest is None else rest.end()
        if at == len(self._text):
            return _Token("end", "", at, at)
        what = "this quote is not closed" if self._text[at] in "'\"" else "CQL2 has no such sign here"
        raise self.mistake(what, _Token("sign", self._text[at:], at, at))

    def _next(self) -> _Token:
        token = self.token
        self.token = self._read(token.end)
        return token

    def _take(self, wanted: str) -> _Token:
        if self.token.infix != wanted:
            raise self.mistake(f"expected {wanted.upper()}")
        return self._next()

    def _taken(self, wanted: str) -> bool:
        if self.token.infix != wanted:
            return False
        self._next()
        return True

    def _joined(self, left: Any, strength: int) -> Any:
        operator = self._next().infix
        if operator in ("and", "or"):
            args = [left, self.expression(strength)]
            while self._taken(operator):
                args.append(self.expression(strength))
            return {"op": operator, "args": args}
        if operator == "not":
            if self.token.infix not in ("like", "between", "in"):
                raise self.mistake("expected LIKE, BETWEEN or IN after NOT")
            return _negated(self._compared(left, self._next().infix))
        if strength == _COMPARED:
            return self._compared(left, operator)
        return {"op": operator, "args": [left, self.expression(strength)]}

    def _compared(self, left: Any, operator: str) -> Any:
        if operator == "between":
            low = self.expression(_COMPARED)
            self._take("and")
            return {"op": "between", "args": [left, low, self.expression(_COMPARED)]}
        if operator == "in":
            self._take("(")
            return {"op": "in", "args": [left, self._list()]}
        if operator == "is":
            negative = self._taken("not")
            self._take("null")
            found = {"op": "isNull", "args": [left]}
            return _negated(found) if negative else found
        return {"op": _SIGNS.get(operator, operator), "args": [left, self.expression(_COMPARED)]}

    def _list(self) -> list[Any]:
        """Read up to the closing bracket."""
        found = [self.expression(0)]
        while self._taken(","):
            found.append(self.expression(0))
        self._take(")")
        return found

    def _operand(self) -> Any:
        token = self._next()
        if token.kind == "number":
            if len(token.text) > _MAX_NUMBER:
                raise self.mistake("this number has too many digits", token)
            return int(token.text) if token.text.isdecimal() else float(token.text)
        if token.kind == "text":
            return token.text[1:-1].replace("''", "'")
        if token.kind == "quoted":
            return {"property": token.text[1:-1].replace('""', '"')}
        if token.kind == "word":
            return self._word(token)
        if token.infix in ("+", "-"):
            return self._signed(token)
        if token.infix == "(":
            found = self._list()
            return found[0] if len(found) == 1 else found
        raise self.mistake("expected a property, a value or a condition", token)

    def _signed(self, sign: _Token) -> Any:
        operand = self.expression(_STRENGTH["^"])
        if isinstance(operand, (int, float)) and not isinstance(operand, bool):
            return -operand if sign.infix == "-" else operand
        return {"op": "*", "args": [-1, operand]} if sign.infix == "-" else operand

    def _word(self, token: _Token) -> Any:
        word = token.text.lower()
        if word == "not":
            return _negated(self.expression(_NOT))
        if word in ("true", "false"):
            return word == "true"
        if word == "null":
            raise self.mistake("NULL stands after IS only, as in name IS NULL", token)
        if token.text.upper().removesuffix("Z").removesuffix("M") in _GEOMETRIES and self._geometry_follows():
            return self._geometry(token)
        if self.token.infix != "(":
            return {"property": token.text}
        self._next()
        args = [] if self._taken(")") else self._list()
        return _called(word, args)

    def _geometry_follows(self) -> bool:
        return self.token.infix in ("(", "z", "m", "zm", "empty")

    def _geometry(self, start: _Token) -> Any:
        """Read a geometry in WKT, up to the bracket that closes it."""
        end, opened = start.end, 0
        while opened or self.token.infix != "empty":
            if self.token.kind == "end":
                raise self.mistake("the brackets of this geometry aren't closed", start)
            token = self._next()
            end = token.end
            opened += {"(": 1, ")": -1}.get(token.text, 0)
            if opened > _MAX_BRACKETS:
                raise self.mistake("brackets nested too deeply for a geometry", start)
            if token.text == ")" and not opened:
                break
        else:
            raise self.mistake("the geometry is empty", start)
        try:
            return shapely.geometry.mapping(shapely.from_wkt(self._text[start.start : end]))
        except shapely.errors.ShapelyError as error:
            raise self.mistake(f"this is no geometry in WKT: {error}", start) from error


def _negated(condition: Any) -> Any:
    return {"op": "not", "args": [condition]}


def _called(word: str, args: list[Any]) -> Any:
    """Return a function's call, or the value that is written like one."""
    if word in ("date", "timestamp") and len(args) == 1:
        return {word: args[0]}
    if word in ("interval", "bbox"):
        return {word: args}
    return {"op": word, "args": args}
