"""What goes and what stays when a conversation is made shorter."""

from hypothesis import given
from hypothesis import strategies as st

from tuiagent.kernel import compact
from tuiagent.kernel.jobs import Job
from tuiagent.kernel.message import Call, Message, Text, Todo

BIG = "x" * 4000


def said(role: str, text: str) -> Message:
    return Message(role, (Text(text),))


def turn(name: str, output: str) -> list[Message]:
    call = Call(f"{name}.1", "read", {"path": "f"})
    return [Message("assistant", (call,)), Message("tool", (Text(output),), call)]


def test_only_large_outputs_before_the_end_are_left_out() -> None:
    messages = [said("user", "go"), *turn("a", BIG), *turn("b", "small"), *turn("c", BIG)]
    assert compact.prunable(messages, 1200) == ("a.1",)
    assert compact.prunable(messages, 10**6) == ()
    assert compact.prunable(messages, 0) == ("a.1", "c.1")


@given(st.lists(st.booleans(), max_size=8), st.integers(0, 5000))
def test_what_stays_begins_with_a_reply_and_holds_the_last_one(
    sizes: list[bool], keep: int
) -> None:
    messages = [said("user", "go")]
    for number, big in enumerate(sizes):
        messages += turn(f"p.{number}", BIG if big else "small")
    marks = [str(number) for number in range(len(messages))]
    first = compact.boundary(messages, marks, keep)
    if sizes:
        assert 0 < first <= len(messages) - 2
        assert messages[first].role == "assistant"
    else:
        assert first == len(messages)


def test_standing_instructions_are_found_sentence_by_sentence() -> None:
    prompts = {"p1": "Fix it. Never touch setup.py. Thanks", "p2": "from now on use tabs"}
    assert compact.standing(prompts) == ["Never touch setup.py [p1]", "from now on use tabs [p2]"]


def test_a_summary_is_checked_and_completed() -> None:
    prompts = {"p1": "Never touch setup.py.", "p2": "Always run the tests!"}
    summary = (
        "- fixed f [p1.1]\n- never touch setup.py [p1]\n- flew to the moon [p9.9]\n- no source"
    )
    todos = [Todo("write docs", "open"), Todo("something finished", "done")]
    job = Job("job1", "p1.1.1", "shell", {"command": "npm  run\ndev"}, {}, 1.0)
    found = compact.checked(summary, frozenset({"p1", "p1.1"}), prompts, todos, [job])
    lines = found.split("\n")
    assert lines[0] == "- fixed f [p1.1]"
    assert lines[2:4] == [
        "- flew to the moon [p9.9] (source not known)",
        "- no source (source not known)",
    ]
    assert found.lower().count("never touch setup.py") == 1
    assert "- Always run the tests [p2]" in lines
    assert "- [open] write docs" in lines
    assert lines[-2:] == ["Running in the background:", "- job1: npm run dev"]
    assert "something finished" not in found
