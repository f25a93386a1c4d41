"""What facts are made of, as data, and which changes of it old journals can bear."""

from collections.abc import Iterator
from typing import Any

import msgspec

from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.kernel.codec import shape_of
from tuiagent.kernel.event import Fact

PLAIN = {
    "StrType": "text",
    "IntType": "integer",
    "FloatType": "number",
    "BoolType": "boolean",
    "AnyType": "anything",
    "NoneType": "null",
}
Listing = dict[str, dict[str, Any]]


def listing() -> Listing:
    """Every kind of fact with its shape and fields, and every part that fields are made of."""
    kinds = {kind for aggregate in AGGREGATES.values() for kind in aggregate.facts}
    return listing_of(kinds)


def listing_of(kinds: set[type[Fact]]) -> Listing:
    """The same of these kinds."""
    facts: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        fields = _fields(msgspec.inspect.type_info(kind), parts)
        facts[kind.__name__] = {"shape": shape_of(kind), "fields": fields}
    return {"facts": facts, "parts": dict(sorted(parts.items()))}


def _fields(info: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """The fields of a struct: their types and, where they have one, their defaults."""
    found: dict[str, Any] = {}
    for field in info.fields:
        found[field.encode_name] = {"type": _type(field.type, parts)}
        if not field.required:
            factory = field.default_factory
            value = field.default if factory is msgspec.NODEFAULT else factory()
            found[field.encode_name]["default"] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    """As JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _type(info: Any, parts: dict[str, Any]) -> Any:
    """A plain type's name, a part's name, or a list: what it is, then what is in it."""
    name = type(info).__name__
    if name == "StructType":
        part = info.cls.__name__
        if part not in parts:
            parts[part] = {}
            parts[part] = {"tag": info.tag, "fields": _fields(info, parts)}
        return part
    if name == "UnionType":
        return ["one of", *sorted((_type(t, parts) for t in info.types), key=str)]
    if name == "VarTupleType":
        return ["list", _type(info.item_type, parts)]
    if name == "TupleType":
        return ["tuple", *(_type(item, parts) for item in info.item_types)]
    if name == "DictType":
        return ["map", _type(info.value_type, parts)]
    return PLAIN[name]


def problems(old: Listing, new: Listing) -> list[str]:
    """What of the old facts the new code would not read as they were meant; [] for none."""
    found: list[str] = []
    for kind, was in old["facts"].items():
        now = new["facts"].get(kind)
        if now is None:
            found.append(f"{kind} is gone, but old journals hold it")
        elif now["shape"] < was["shape"]:
            found.append(f"{kind} has shape {now['shape']}, but there was {was['shape']} before")
        elif now["shape"] == was["shape"]:
            found += _changes(kind, was["fields"], now["fields"])
            for part in sorted(_used(old, was["fields"])):
                found += [f"{kind}: {text}" for text in _part(part, old, new)]
    return found


def _part(name: str, old: Listing, new: Listing) -> list[str]:
    was, now = old["parts"][name], new["parts"].get(name)
    if now is None:
        return [f"{name} is gone"]
    changed = [f"{name} has another tag"] if now["tag"] != was["tag"] else []
    return changed + _changes(name, was["fields"], now["fields"])


def _changes(name: str, was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for field, before in was.items():
        after = now.get(field)
        if after is None:
            found.append(f"{name}.{field} is gone or has another name")
        elif not _holds(after["type"], before["type"]):
            found.append(f"{name}.{field} is {after['type']} now, and was {before['type']}")
        elif after.get("default", after) != before.get("default", after):
            found.append(f"{name}.{field} has another default, which was left out when written")
    added = {field: now[field] for field in now if field not in was}
    found += [f"{name}.{f} was added without a default" for f in added if "default" not in added[f]]
    return found


def _holds(new: Any, old: Any) -> bool:
    """Whether everything of the old type is also of the new one."""
    if isinstance(new, list) and new[0] == "one of":
        olds = old[1:] if isinstance(old, list) and old[0] == "one of" else [old]
        return all(any(_holds(n, o) for n in new[1:]) for o in olds)
    if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        return new[0] == old[0] and all(map(_holds, new[1:], old[1:]))
    return new == old


def _used(listing: Listing, fields: dict[str, Any]) -> set[str]:
    """The parts that these fields are made of, with what those are made of."""
    found: set[str] = set()
    open_ = [field["type"] for field in fields.values()]
    while open_:
        item = open_.pop()
        if isinstance(item, list):
            open_ += item[1:]
        elif item in listing["parts"] and item not in found:
            found.add(item)
            open_ += [f["type"] for f in listing["parts"][item]["fields"].values()]
    return found


def unset(listing: Listing, facts: list[Fact]) -> set[str]:
    """The kinds that are not among these facts, and the fields that none of them sets."""
    rows = {**listing["facts"], **listing["parts"]}
    missing = {f"{name}.{field}" for name, row in rows.items() for field in row["fields"]}
    missing |= {f"{name}." for name in rows}
    for fact in facts:
        for value in _structs(fact):
            name = type(value).__name__
            missing.discard(f"{name}.")
            fields = rows[name]["fields"]
            for field, info in fields.items():
                plain = _plain(getattr(value, field))
                if "default" not in info or plain != info["default"]:
                    missing.discard(f"{name}.{field}")
    return missing


def _structs(value: Any) -> Iterator[msgspec.Struct]:
    """The value's structs, itself included."""
    if isinstance(value, msgspec.Struct):
        yield value
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, tuple | list):
        for item in value:
            yield from _structs(item)
