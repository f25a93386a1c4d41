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


def means(text: str, **more: Any) -> Meta:
    """What a field means, in the schema."""
    return Meta(description=text, **more)


Name = Annotated[
    str, means("what people call a session", pattern=r"^\w[\w .:/@+-]{0,119}$", max_length=120)
]
Effort = Literal["", "off", "low", "medium", "high", "max"]
ModelName = Annotated[str, means("PROVIDER/MODEL", pattern=r"^[^/]+/[\s\S]+$")]
Rule = Annotated[
    str, means("TOOL or TOOL(PATTERN)", pattern=r"^\s*([a-z_][a-z0-9_]*|\*)\s*(\([\s\S]*\))?\s*$")
]

# ---------------------------------------------------------------- queries


class Nothing(Struct, forbid_unknown_fields=True):
    """No query, or an empty body."""


class Paged(Struct, forbid_unknown_fields=True):
    """Which part of a list is wanted: the last `limit` items, or those before `before`."""

    limit: Annotated[int, means("how many items", ge=1, le=1000)] = 200
    before: (
        Annotated[int, means("only items before this index; in a transcript, position", ge=0)]
        | UnsetType
    ) = UNSET


class SessionsQuery(Paged):
    """Which sessions are wanted."""

    all: Annotated[bool, means("also what is put away or deleted")] = False


class FolderQuery(Struct, forbid_unknown_fields=True):
    """Where somebody would work."""

    folder: Annotated[str, means("absolute path of a folder; without, what there is anywhere")] = ""


class RunsQuery(Paged):
    """Which runs are wanted."""

    session: Annotated[str, means("only those of the session with this id", pattern=NO_STAR)] = ""
    status: Annotated[str, means("only those in this status")] = ""


class EventsQuery(Struct, forbid_unknown_fields=True):
    """Which facts are wanted."""

    after: Annotated[int, means("only facts after this position", ge=0, lt=1 << 62)] = 0
    limit: Annotated[int, means("how many at most", ge=1, le=1000)] = 200


class StreamQuery(Struct, forbid_unknown_fields=True):
    """Where a stream begins; the header Last-Event-ID says the same, and the larger wins."""

    after: Annotated[str, means("a position; without one, all history comes first")] = ""


class WideQuery(StreamQuery):
    """Which streams are told, and from where on."""

    select: Annotated[
        str, means("session/ID, or session/* for all", pattern="^session/([A-Za-z0-9_-]+|\\*)$")
    ] = "session/*"


class SearchQuery(Struct, forbid_unknown_fields=True):
    """What to look for."""

    q: Annotated[str, means("words that all stand in the text", min_length=1, max_length=1000)]
    session: Annotated[str, means("only in the session with this id", pattern=NO_STAR)] = ""
    limit: Annotated[int, means("how many", ge=1, le=200)] = 20
    all: Annotated[bool, means("also in deleted sessions")] = False


# ---------------------------------------------------------------- bodies


class Fork(Struct, forbid_unknown_fields=True):
    """The session that a new one goes on from."""

    session: Annotated[str, means("its id", pattern=IDENT)]
    position: Annotated[int, means("up to where; all of it without", ge=1, lt=1 << 62)] | None = (
        None
    )


class NewSession(Struct, forbid_unknown_fields=True):
    """A session to be opened."""

    folder: Annotated[
        str,
        means(
            "absolute path of the folder; of a fork else its origin's, else work_dir of config.toml"
        ),
    ] = ""
    id: Annotated[str, means("chosen by the caller, or made up", pattern=IDENT)] | None = None
    name: Name | None = None
    model: ModelName | None = None
    mode: Mode | None = None
    no_sandbox: Annotated[bool, means("said openly: commands run unconfined")] = False
    deny: Annotated[list[Rule], means("rules such as shell(rm *) that refuse")] = []
    ask: Annotated[list[Rule], means("rules that ask a person")] = []
    effort: Annotated[Effort, means("how much the model thinks; empty for what is usual")] = ""
    skills: Annotated[
        list[str], means("skills that it is told whole from the beginning, beside the usual ones")
    ] = []
    fork: Fork | None = None


class SessionChange(Struct, forbid_unknown_fields=True):
    """What is to be different in a session; what is not said stays."""

    name: Name | None = None
    archived: bool | None = None
    mode: Mode | None = None
    model: ModelName | None = None
    effort: Annotated[Effort, means("how much the model thinks")] | None = None
    no_sandbox: Annotated[bool, means("said openly: commands run unconfined")] = False


class RunLimits(Struct, forbid_unknown_fields=True):
    """How much one run may use; 0 is no limit."""

    turns: Annotated[int, means("model replies", ge=1, le=1_000_000)] = TURNS
    cost: Annotated[float, means("US dollars", ge=0, le=1e9)] = 0.0
    seconds: Annotated[float, means("of time", ge=0, le=1e9)] = 0.0


class Attachment(Struct, forbid_unknown_fields=True):
    """An image (PNG, JPEG, GIF, WebP; up to 5 MiB, 8000 pixels) or a PDF, as its bytes say."""

    data: Annotated[
        bytes,
        means("its bytes in base64", min_length=1, extra_json_schema={"pattern": BASE64}),
    ]
    name: Annotated[
        str, means("what people call it", pattern=r"^[^/\x00-\x1f\x7f]*$", max_length=200)
    ] = ""


class Input(Struct, forbid_unknown_fields=True):
    """What is said to the agent."""

    prompt: Annotated[str, means("the words", min_length=1)]
    steer: Annotated[bool, means("for the run that is going on, not after it")] = False
    limits: RunLimits | None = None
    once: Annotated[str, means("as the header Idempotency-Key", pattern=KEY)] = ""
    files: Annotated[
        tuple[Attachment, ...],
        means("images and PDFs that the model is shown; a body has 8 MiB at most", max_length=MOST),
    ] = ()
    output_schema: (
        Annotated[
            dict[str, Any],
            means(
                "a JSON Schema of at most 64 KiB that the answer of the run is to fit; "
                "GET /runs/{id}/answer says whether it does"
            ),
        ]
        | None
    ) = None


class Interrupt(Struct, forbid_unknown_fields=True):
    """How to stop."""

    cancel: Annotated[bool, means("also drop the prompts that wait")] = False


class Undo(Struct, forbid_unknown_fields=True):
    """What is to be undone of what a call did to files."""

    call: Annotated[str, means("its id", min_length=1)]
    path: Annotated[str, means("only in this file")] = ""
    hunk: Annotated[int, means("only this one, counted from 1", ge=0, lt=1 << 31)] = 0


class Approval(Struct, forbid_unknown_fields=True):
    """A person's answer to a call that asks; it counts only for what was shown."""

    digest: Annotated[str, means("of what was shown, from the inbox")]
    allow: bool
    reason: str = ""
    grant: Rule | None = None
    """It holds for the rest of the session."""
    until: Annotated[float, means("when that rule ends, in seconds since 1970", ge=0)] = 0.0
    uses: Annotated[int, means("how many calls it may let through", ge=0, lt=1 << 31)] = 0
    args: Annotated[dict[str, Any], means("other arguments in place of the call's")] | None = None


class QuestionAnswer(Struct, forbid_unknown_fields=True):
    """A person's answer to a question."""

    text: Annotated[str, means("the answer", min_length=1)]


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


class Answer(Struct):
    """What a run has come to; where a schema was asked for, whether that fits."""

    run: str
    status: Annotated[str, means("as of the run; the answer may change until it is over")]
    answer: Annotated[str, means("the model's last words, as they were")]
    structured_output: Annotated[
        Any, means("the answer as JSON that fits the schema that was asked for, else null")
    ]
    problems: Annotated[
        list[str],
        means("why it does not fit; say them to the agent, with the schema, to have it mended"),
    ]


class Line(Struct):
    """A fact in its place."""

    position: Annotated[int, means("global, in the order of commit; never reused")]
    stream: str
    version: Annotated[int, means("the place in the stream: 1, 2, 3 …, no gaps")]
    at: Annotated[float, means("seconds since 1970, UTC")]
    actor: str
    kind: Annotated[str, means("the fact's name; newer versions may know more")]
    body: Annotated[Any, means("the fact; null when it was erased")]


class Events(Struct):
    """Facts, in order."""

    items: list[Line]
    position: Annotated[int, means("of the last fact that was looked at: the next `after`")]
    more: Annotated[bool, means("whether others follow it already")]


class Done(Struct):
    """Where the journal says that it was done."""

    position: int


class Accepted(Struct):
    """A prompt was taken."""

    run: Annotated[str, means("the run that it begins, once it is its turn, or that it steers")]
    prompt: Annotated[str, means("its own id; the run that it begins has the same")]
    position: Annotated[int, means("where it stands; GET /runs/{id}/stream tells all of it")]


Changed = files.ChangedFile
Waiting = inbox.Waiting
Job = jobs.Running
Item = transcript.Item
Spent = usage.Spent
Findings = search.Findings
