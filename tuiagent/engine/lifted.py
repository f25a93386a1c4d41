"""Arguments that a person changed: where a key stood masked, the key is put back."""

from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from tuiagent.engine.check import opened_of
from tuiagent.engine.secrecy import MARK
from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.errors import Refused

if TYPE_CHECKING:
    from tuiagent.engine.journal import Journal
    from tuiagent.engine.veil import Veil

AMISS = """\
{0} stands for a key that is not shown, and which is meant in {1!r} cannot be told: leave each \
where it stood, or write what you mean in its place"""


def answered(intent: AnswerApproval, journal: "Journal", veil: "Veil") -> AnswerApproval:
    """The answer with what its call really says in place of marks. Raises Refused."""
    state, _ = opened_of(journal, intent.stream)
    call = state.find(intent.call)
    if intent.args is None or call is None or veil.data(call.args) == call.args:
        return intent
    return replace(intent, args=_lifted(intent.args, call.args, veil))


def _lifted(value: Any, real: Any, veil: "Veil") -> Any:
    """A value with what stood in the same place of the real one."""
    if isinstance(value, str):
        return _text(value, veil.secrecy.marked(real) if isinstance(real, str) else [])
    if isinstance(value, dict):
        old = cast(dict[Any, Any], real if isinstance(real, dict) else {})
        items = cast(dict[Any, Any], value).items()
        return {name: _lifted(one, old.get(name), veil) for name, one in items}
    if isinstance(value, list):
        new = cast(list[Any], value)
        same = isinstance(real, list) and len(cast(list[Any], real)) == len(new)
        was = cast(list[Any], real) if same else [None] * len(new)
        return [_lifted(one, old, veil) for one, old in zip(new, was, strict=True)]
    return value


def _text(text: str, stood: list[str]) -> str:
    """The text with what its marks stand for: as many as before, or all for the same."""
    first, *rest = text.split(MARK)
    if len(rest) != len(stood):
        if rest and len({*stood}) != 1:
            raise Refused(AMISS.format(MARK, text[:80]))
        stood = stood[:1] * len(rest)
    return first + "".join(key + part for key, part in zip(stood, rest, strict=True))
