"""Whether a value read from a file is what annotations say, dataclasses and all their parts included."""

from __future__ import annotations

import dataclasses
import types
from typing import Any, Union, get_args, get_origin, get_type_hints


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of `kind`: a class, a dataclass, a union, `tuple[…]` or `dict[…]` of such. No number is a truth value,
    and whole numbers are numbers."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        kinds = parts[:1] * len(value) if isinstance(value, tuple) and parts[-1] is ... else parts
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(fits, value, kinds))
    if origin is dict:
        return isinstance(value, dict) and all(all(map(fits, pair, parts)) for pair in value.items())
    if dataclasses.is_dataclass(kind):
        return type(value) is kind and all(fits(getattr(value, n), k) for n, k in get_type_hints(kind).items())
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)
