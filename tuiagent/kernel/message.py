"""Messages: what goes to a model and what comes back, in one shape for all providers."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

EFFORTS = ("off", "low", "medium", "high", "max")
"""How much a model may be told to think."""


class Text(Struct, frozen=True, tag="text"):
    """Words."""

    text: str


class Reasoning(Struct, frozen=True, tag="reasoning", omit_defaults=True):
    """The model's thoughts; `details` (signatures) go back to the provider unchanged."""

    text: str
    details: dict[str, Any] = {}


class Call(Struct, frozen=True, tag="call", omit_defaults=True):
    """A tool call as the model wrote it."""

    id: str
    """Ours, unique in the session: `<attempt>.<n>`."""
    name: str
    args: dict[str, Any] | None = None
    """None when the arguments were not a JSON object; then `raw` holds what came."""
    raw: str = ""
    provider_id: str = ""
    """The provider's own id, which it expects back."""
    details: dict[str, Any] = {}
    """What goes back to the provider unchanged beside it (signatures)."""

    @property
    def rescued(self) -> bool:
        """Whether the model wrote it as text, and it was taken for a call; see providers.rescue."""
        return self.details.get("rescued") is True


class Image(Struct, frozen=True, tag="image", omit_defaults=True):
    """A picture; only its hash is kept here."""

    media: str
    """Its media type: image/png, image/jpeg, image/gif or image/webp."""
    blob: str
    """SHA-256 of its bytes, hexadecimal."""
    name: str = ""
    width: int = 0
    """Pixels, as the height; 0 where that is not known."""
    height: int = 0
    size: int = 0
    """Bytes; 0 where that is not known."""


class Document(Struct, frozen=True, tag="document", omit_defaults=True):
    """A document of pages; only its hash is kept here."""

    media: str
    """Its media type: application/pdf."""
    blob: str
    """SHA-256 of its bytes, hexadecimal."""
    name: str = ""
    size: int = 0
    """Bytes; 0 where that is not known."""
    pages: int = 0
    """0 where that is not known."""


Media = Image | Document
Block = Text | Reasoning | Call | Image | Document


class Usage(Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply; `input` includes what was read from or written to the cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0


class Reply(Struct, frozen=True, omit_defaults=True):
    """One whole answer of a model."""

    blocks: tuple[Block, ...]
    stop: str = "end"
    """end, calls, length, refusal, filter, or the provider's own word."""
    usage: Usage | None = None
    model: str = ""
    """The model that says it answered."""

    @property
    def text(self) -> str:
        """The words of the answer, joined."""
        return "".join(b.text for b in self.blocks if isinstance(b, Text))

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls, in the order in which they were written."""
        return tuple(b for b in self.blocks if isinstance(b, Call))


class Diff(Struct, frozen=True, tag="diff", omit_defaults=True):
    """A change of one file, for people; `before` and `after` are blob hashes, "" for no file."""

    path: str
    unified: str
    before: str = ""
    after: str = ""


class Command(Struct, frozen=True, tag="command", omit_defaults=True):
    """A command that ran, for people."""

    command: str
    exit: int | None
    seconds: float = 0.0
    dropped: int = 0
    """Bytes of output that were not kept."""
    output: str = ""
    """Hash of the blob that holds the rest, where the text does not show all of it."""


class Question(Struct, frozen=True, tag="question", omit_defaults=True):
    """Something a person is asked."""

    text: str
    choices: tuple[str, ...] = ()


class Todo(Struct, frozen=True):
    """One thing to be done; its state is open, doing, done or dropped."""

    text: str
    state: str


class Todos(Struct, frozen=True, tag="todos"):
    """The whole list of what is to be done."""

    items: tuple[Todo, ...]


Display = Text | Diff | Command | Question | Todos


class Observation(Struct, frozen=True, omit_defaults=True):
    """What came of a call."""

    status: str
    """ok, error, denied, cancelled or unknown."""
    text: str
    """What the model reads."""
    blocks: tuple[Display, ...] = ()
    """What people see, where it is more than the text."""
    media: tuple[Media, ...] = ()
    """What the model is shown with the text, and people too."""


class Message(Struct, frozen=True, omit_defaults=True):
    """One message to a model; `role` is user, assistant or tool."""

    role: str
    blocks: tuple[Block, ...] = ()
    call: Call | None = None
    """The call that a tool message answers."""
    failed: bool = False


class ToolSpec(Struct, frozen=True):
    """A tool as a model is told of it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


class Prompt(Struct, frozen=True):
    """Everything one request holds, whatever the provider."""

    model: str
    """The provider's own name of the model."""
    system: str
    tools: tuple[ToolSpec, ...]
    messages: tuple[Message, ...]
    cache_key: str = ""
    """Stable per session, for providers that route by it."""
    files: Mapping[str, bytes] = {}
    """The bytes of images and documents by their hash, as far as the model can be shown them."""
    withheld: str = ""
    """Why it cannot be shown the others."""
    effort: str = ""
    """How much the model is to think: one of EFFORTS; "" for what is usual."""
    output: int = 0
    """Tokens of the longest answer; 0 for what is usual."""
    schema: dict[str, Any] | None = None
    """The JSON schema that a final answer has to fit, for providers that see to it themselves."""
