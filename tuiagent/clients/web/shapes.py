"""What goes in and out of the API: bodies, queries and answers; the published schemas are these."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from tuiagent.kernel.limits import TURNS
from tuiagent.kernel.media import MOST
from tuiagent.views import files, inbox, jobs, runs, search, sessions, transcript, usage

T = TypeVar("T")
IDENT = "^[A-Za-z0-9_-]{1,64}$"
"""What sessions and runs may be called by in a path; in Python it needs `fullmatch`."""


KEY = "^[ -~]{0,200}$"
"""An Idempotency-Key."""
BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
NO_STAR = "^[A-Za-z0-9_-]{0,64}$"
"""A session's id in a query, or none."""
Mode = Literal["ask", "accept-edits", "plan", "auto", "locked", "never", "always", "risky"]


def _means(text: str, **more: Any) -> Meta:
    return Meta(description=text, **more)


Name = Annotated[
    str, _means("what people call a session", pattern=r"^\w[\w .:/@+-]{0,119}$", max_length=120)
]
ModelName = Annotated[str, _means("PROVIDER/MODEL", pattern=r"^[^/]+/[\s\S]+$")]
Rule = Annotated[
    str, _means("TOOL or TOOL(PATTERN)", pattern=r"^\s*([a-z_][a-z0-9_]*|\*)\s*(\([\s\S]*\))?\s*$")
]

# ---------------------------------------------------------------- queries


class Nothing(Struct, forbid_unknown_fields=True):
    """No query, or an empty body."""


class Paged(Struct, forbid_unknown_fields=True):
    """Which part of a list is wanted: the last `limit` items, or those before `before`."""

    limit: Annotated[int, _means("how many items", ge=1, le=1000)] = 200
    before: (
        Annotated[int, _means("only items before this index; in a transcript, position", ge=0)]
        | UnsetType
    ) = UNSET


class SessionsQuery(Paged):
    """Which sessions are wanted."""

    all: Annotated[bool, _means("also what is put away or deleted")] = False


class RunsQuery(Paged):
    """Which runs are wanted."""

    session: Annotated[str, _means("only those of the session with this id", pattern=NO_STAR)] = ""
    status: Annotated[str, _means("only those in this status")] = ""


class EventsQuery(Struct, forbid_unknown_fields=True):
    """Which facts are wanted."""

    after: Annotated[int, _means("only facts after this position", ge=0, lt=1 << 62)] = 0
    limit: Annotated[int, _means("how many at most", ge=1, le=1000)] = 200


class StreamQuery(Struct, forbid_unknown_fields=True):
    """Where a stream begins; the header Last-Event-ID says the same, and the larger wins."""

    after: Annotated[str, _means("a position; without one, all history comes first")] = ""


class WideQuery(StreamQuery):
    """Which streams are told, and from where on."""

    select: Annotated[
        str, _means("session/ID, or session/* for all", pattern="^session/([A-Za-z0-9_-]+|\\*)$")
    ] = "session/*"


class SearchQuery(Struct, forbid_unknown_fields=True):
    """What to look for."""

    q: Annotated[str, _means("words that all stand in the text", min_length=1, max_length=1000)]
    session: Annotated[str, _means("only in the session with this id", pattern=NO_STAR)] = ""
    limit: Annotated[int, _means("how many", ge=1, le=200)] = 20
    all: Annotated[bool, _means("also in deleted sessions")] = False


# ---------------------------------------------------------------- bodies


class Fork(Struct, forbid_unknown_fields=True):
    """The session that a new one goes on from."""

    session: Annotated[str, _means("its id", pattern=IDENT)]
    position: Annotated[int, _means("up to where; all of it without", ge=1, lt=1 << 62)] | None = (
        None
    )


class NewSession(Struct, forbid_unknown_fields=True):
    """A session to be opened."""

    folder: Annotated[
        str,
        _means(
            "absolute path of the folder; of a fork else its origin's, else work_dir of config.toml"
        ),
    ] = ""
    id: Annotated[str, _means("chosen by the caller, or made up", pattern=IDENT)] | None = None
    name: Name | None = None
    model: ModelName | None = None
    mode: Mode | None = None
    no_sandbox: Annotated[bool, _means("said openly: commands run unconfined")] = False
    deny: Annotated[list[Rule], _means("rules such as shell(rm *) that refuse")] = []
    ask: Annotated[list[Rule], _means("rules that ask a person")] = []
    fork: Fork | None = None


class SessionChange(Struct, forbid_unknown_fields=True):
    """What is to be different in a session; what is not said stays."""

    name: Name | None = None
    archived: bool | None = None
    mode: Mode | None = None
    model: ModelName | None = None
    no_sandbox: Annotated[bool, _means("said openly: commands run unconfined")] = False


class RunLimits(Struct, forbid_unknown_fields=True):
    """How much one run may use; 0 is no limit."""

    turns: Annotated[int, _means("model replies", ge=1, le=1_000_000)] = TURNS
    cost: Annotated[float, _means("US dollars", ge=0, le=1e9)] = 0.0
    seconds: Annotated[float, _means("of time", ge=0, le=1e9)] = 0.0


class Attachment(Struct, forbid_unknown_fields=True):
    """An image (PNG, JPEG, GIF, WebP; up to 5 MiB, 8000 pixels) or a PDF, as its bytes say."""

    data: Annotated[
        bytes,
        _means("its bytes in base64", min_length=1, extra_json_schema={"pattern": BASE64}),
    ]
    name: Annotated[
        str, _means("what people call it", pattern=r"^[^/\x00-\x1f\x7f]*$", max_length=200)
    ] = ""


class Input(Struct, forbid_unknown_fields=True):
    """What is said to the agent."""

    prompt: Annotated[str, _means("the words", min_length=1)]
    steer: Annotated[bool, _means("for the run that is going on, not after it")] = False
    limits: RunLimits | None = None
    once: Annotated[str, _means("as the header Idempotency-Key", pattern=KEY)] = ""
    files: Annotated[
        tuple[Attachment, ...],
        _means(
            "images and PDFs that the model is shown; a body has 8 MiB at most", max_length=MOST
        ),
    ] = ()


class Interrupt(Struct, forbid_unknown_fields=True):
    """How to stop."""

    cancel: Annotated[bool, _means("also drop the prompts that wait")] = False


class Undo(Struct, forbid_unknown_fields=True):
    """What is to be undone of what a call did to files."""

    call: Annotated[str, _means("its id", min_length=1)]
    path: Annotated[str, _means("only in this file")] = ""
    hunk: Annotated[int, _means("only this one, counted from 1", ge=0, lt=1 << 31)] = 0


class Approval(Struct, forbid_unknown_fields=True):
    """A person's answer to a call that asks; it counts only for what was shown."""

    digest: Annotated[str, _means("of what was shown, from the inbox")]
    allow: bool
    reason: str = ""
    grant: Rule | None = None
    """It holds for the rest of the session."""
    until: Annotated[float, _means("when that rule ends, in seconds since 1970", ge=0)] = 0.0
    uses: Annotated[int, _means("how many calls it may let through", ge=0, lt=1 << 31)] = 0
    args: Annotated[dict[str, Any], _means("other arguments in place of the call's")] | None = None


class QuestionAnswer(Struct, forbid_unknown_fields=True):
    """A person's answer to a question."""

    text: Annotated[str, _means("the answer", min_length=1)]


class OutcomeAnswer(Struct, forbid_unknown_fields=True):
    """What a person says became of a call whose outcome is unknown."""

    how: Literal["verified", "redo", "rollback"]
    text: str = ""


# ---------------------------------------------------------------- answers


class Problem(Struct):
    """What went wrong: application/problem+json (RFC 9457), with other programs' words beside."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    error: str


class Page(Struct, Generic[T]):
    """A part of a list, and its position: whoever watches from there misses nothing."""

    items: list[T]
    position: int
    total: int
    """A long transcript has at least so many."""


class Session(sessions.Row, kw_only=True):
    """A session."""

    id: str


class Run(runs.Row, kw_only=True):
    """A run."""

    session: str
    """The session's id."""


class Line(Struct):
    """A fact in its place."""

    position: Annotated[int, _means("global, in the order of commit; never reused")]
    stream: str
    version: Annotated[int, _means("the place in the stream: 1, 2, 3 …, no gaps")]
    at: Annotated[float, _means("seconds since 1970, UTC")]
    actor: str
    kind: Annotated[str, _means("the fact's name; newer versions may know more")]
    body: Annotated[Any, _means("the fact; null when it was erased")]


class Events(Struct):
    """Facts, in order."""

    items: list[Line]
    position: Annotated[int, _means("of the last fact that was looked at: the next `after`")]
    more: Annotated[bool, _means("whether others follow it already")]


class Done(Struct):
    """Where the journal says that it was done."""

    position: int


class Accepted(Struct):
    """A prompt was taken."""

    run: Annotated[str, _means("the run that it begins, once it is its turn, or that it steers")]
    prompt: Annotated[str, _means("its own id; the run that it begins has the same")]
    position: Annotated[int, _means("where it stands; GET /runs/{id}/stream tells all of it")]


class Model(Struct):
    """A model that is configured here."""

    id: Annotated[str, _means("PROVIDER/MODEL")]
    default: bool
    priced: Annotated[bool, _means("whether its price is known")]


class Tool(Struct):
    """What agents can do."""

    name: str
    effect: str
    description: str


class Skill(Struct):
    """A skill."""

    name: str
    description: str


class Server(Struct):
    """An MCP server."""

    name: str


class Provider(Struct):
    """A server of models, without its key."""

    api_base: str
    default_model: str
    models: list[str]
    key: Annotated[str, _means("where its key comes from: env:NAME, config, or nowhere")]


class Config(Struct):
    """The settings that hold here; never a secret."""

    model: str
    mode: str
    rules: Annotated[list[str], _means("ACTION TOOL(PATTERN)")]
    limits: RunLimits
    retention_days: int
    providers: dict[str, Provider]


class Me(Struct):
    """Whose key this is, and what it may."""

    actor: str
    key: str
    scopes: list[str]
    expires: float | None


class Login(Struct):
    """Who is logged in."""

    actor: str
    expires: Annotated[float | None, _means("seconds since 1970; null where no key is asked for")]


class LoggedOut(Struct):
    """Nobody is."""

    actor: None = None


class Ticket(Struct):
    """Lets one browser log in, once."""

    ticket: str
    expires: Annotated[float, _means("seconds since 1970")]


class Health(Struct):
    """Nothing but the state."""

    status: Annotated[str, _means("ready or draining")]


class Status(Struct):
    """What goes on here."""

    status: Annotated[str, _means("ready or draining")]
    version: str
    position: int
    sessions: int
    runs: Annotated[dict[str, int], _means("how many runs are queued, running or waiting")]
    waiting: Annotated[int, _means("how many things wait for a person")]


class Capabilities(Struct):
    """What can be asked of this server."""

    version: str
    dialects: list[str]
    scopes: list[str]
    modes: list[str]
    streams: list[str]


Changed = files.ChangedFile
Waiting = inbox.Waiting
Job = jobs.Running
Item = transcript.Item
Spent = usage.Spent
Findings = search.Findings
