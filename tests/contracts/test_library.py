"""What people write for agents: where it is looked for, what is taken, and what is refused."""

import os
from pathlib import Path

import pytest

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.standing import Standing
from tuiagent.library import head, skills
from tuiagent.library.shelf import Shelf
from tuiagent.library.trust import brought

SKILL = "---\nname: {0}\ndescription: What {0} is for.\n---\nWords of {0}.\n"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "own").mkdir()
    return tmp_path / "repo"


def shelf(repo: Path, folder: str = "", standing: Standing | None = None) -> Shelf:
    user = str(repo.parent)
    return Shelf(str(repo / folder), str(repo.parent / "own"), user, standing or Standing())


def test_the_nearest_of_one_name_counts(repo: Path) -> None:
    places = [
        repo.parent / ".claude/skills",
        repo.parent / ".agents/skills",
        repo.parent / "own/skills",
        repo / ".claude/skills",
        repo / ".agents/skills",
        repo / ".tuiagent/skills",
        repo / "deep/.agents/skills",
    ]
    for number, place in enumerate(places):
        written(place / "commit-message/SKILL.md", SKILL.format("commit-message") + str(number))
        written(place / f"only-{number}.md", f"# Title\n\nWhat {number} is for.\n")
        at = shelf(repo, "deep")
        assert at.material("commit-message").endswith(f"\n{number}")
        assert at.material(f"only-{number}").startswith("# Title")
    assert shelf(repo).material("commit-message").endswith("\n5"), "the folder below is not ours"
    found = {one.name: one for one in shelf(repo, "deep").skills()}
    assert found["only-3"].description == "What 3 is for."
    assert [found[f"only-{n}"].source for n in (0, 2, 6)] == ["user", "user", "project"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a/SKILL.md", "---\nname: ../../etc\ndescription: d\n---\nw", "is not made of"),
        ("a/SKILL.md", "---\nname: A B\ndescription: d\n---\nw", "is not made of"),
        ("a/SKILL.md", "---\nname: [x]\ndescription: d\n---\nw", "is not made of"),
        ("a/SKILL.md", f"---\nname: {'n' * 65}\ndescription: d\n---\nw", "is not made of"),
        ("reаd.md", "# cyrillic", "is not made of"),
        ("a\x1b[2J.md", "# escape", "is not made of"),
        ("a/SKILL.md", "---\nname: a\n---\nw", "no description"),
        ("a/SKILL.md", "---\nname: a\ndescription: ''\n---\nw", "no description"),
        ("a/SKILL.md", f"---\nname: a\ndescription: {'d' * 1025}\n---\nw", "longer than 1024"),
        ("a/SKILL.md", "---\nname: a\ndescription: d\n---\n\n", "nothing below"),
        ("a/SKILL.md", "---\nname: a\ndescription: d\n", "does not end"),
        ("a/SKILL.md", "---\n- list\n---\nw", "no fields"),
        ("a/SKILL.md", "---\nname: !!python/object/apply:os.system [x]\n---\nw", "not YAML"),
        ("a/SKILL.md", f"---\nname: {'[' * 4000}\n---\nw", "not YAML"),
        ("a/SKILL.md", f"---\n{'a: b' * 9000}\n---\nw", "head is longer than"),
        ("a/SKILL.md", SKILL.format("a") + "x" * (1 << 16), "longer than 64 KiB"),
    ],
)
def test_what_cannot_be_a_skill_says_why(repo: Path, name: str, text: str, problem: str) -> None:
    path = written(repo / ".agents/skills" / name, text)
    bad = [one for one in shelf(repo).skills() if one.problem]
    assert [problem in one.problem for one in bad] == [True]
    assert bad[0].name.isprintable()
    assert f"- {bad[0].name} " not in skills.index(shelf(repo).skills())
    assert problem in skills.check(str(path)).problem
    with pytest.raises(ConfigError):
        shelf(repo).material(bad[0].name)


def test_what_cannot_be_used_hides_nothing(repo: Path) -> None:
    written(repo.parent / "own/skills/a.md", "# Good\n\nIt is.\n")
    written(repo / ".agents/skills/a.md", "---\nname: a\n---\n")
    assert shelf(repo).material("a").startswith("# Good")


def test_links_lead_nowhere_else(repo: Path, tmp_path: Path) -> None:
    secret = written(tmp_path / "secret/SKILL.md", SKILL.format("canary"))
    inside = repo / ".agents/skills"
    inside.mkdir(parents=True)
    (inside / "one.md").symlink_to(secret)
    (inside / "two").symlink_to(secret.parent)
    (repo / ".claude").mkdir()
    (repo / ".claude/skills").symlink_to(secret.parent.parent)
    (repo / ".tuiagent").symlink_to(tmp_path)
    found = shelf(repo).skills()
    assert {one.problem for one in found if one.source == "project"} == {
        "it is a link that leads out of the repository"
    }
    assert not [one for one in found if one.name == "canary"]
    written(repo / "real/skills/three.md", "# Three\n\nLinked inside.\n")
    (repo / ".claude/skills").unlink()
    (repo / ".claude/skills").symlink_to("../real/skills")
    assert "Linked inside" in shelf(repo).material("three")


def test_pipes_do_not_block_and_devices_do_not_fill(repo: Path) -> None:
    (repo / ".agents/skills/pipe").mkdir(parents=True)
    os.mkfifo(repo / ".agents/skills/pipe/SKILL.md")
    os.mkfifo(repo / ".agents/skills/other.md")
    bad = [one.problem for one in shelf(repo).skills() if one.source == "project"]
    assert bad == ["it is not a regular file"] * 2


def test_files_of_a_skill_are_read_and_none_beside_it(repo: Path) -> None:
    folder = repo / ".agents/skills/a"
    written(folder / "SKILL.md", SKILL.format("a"))
    written(folder / "references/more.md", "more words")
    written(repo / "outside.txt", "canary")
    (folder / "out.md").symlink_to(repo / "outside.txt")
    text = shelf(repo).material("a")
    assert "- references/more.md" in text
    assert "out.md" not in text
    assert shelf(repo).material("a", "references/more.md") == "more words"
    for name in ("out.md", "../../../outside.txt", str(repo / "outside.txt"), "references", "no"):
        with pytest.raises(ConfigError):
            shelf(repo).material("a", name)


def test_heads_are_read_as_yaml_says() -> None:
    def fields(text: str) -> dict[str, object]:
        return head.split(f"---\n{text}\n---\nwords")[0]

    assert fields("name: a\ndescription: Plain words, and more.") == {
        "name": "a",
        "description": "Plain words, and more.",
    }
    assert fields("description: >\n  two\n  lines") == {"description": "two lines\n"}
    assert fields('description: "a: b # c"') == {"description": "a: b # c"}
    assert fields("description: a # comment") == {"description": "a"}
    assert fields("a: yes\nb: 1.5\nc: word")["a"] is True
    assert head.split("\ufeff---\r\nname: a\r\n---\r\nwords") == ({"name": "a"}, "words")
    assert head.split("no head\n---\nx") == ({}, "no head\n---\nx")
    with pytest.raises(ConfigError, match="not YAML"):
        fields("description: a: b")


def test_many_skills_are_offered_within_bounds(repo: Path) -> None:
    for number in range(200):
        text = SKILL.format(f"skill-{number}").replace("What", "What " + "word " * 60)
        written(repo / f".agents/skills/skill-{number}/SKILL.md", text)
    hidden = "---\nname: h\ndescription: d\ndisable-model-invocation: true\n---\nw"
    written(repo / ".agents/skills/h/SKILL.md", hidden)
    text = shelf(repo).system()
    listed = skills.index(shelf(repo).skills())
    assert len(listed) < 2 * skills.OFFERED
    assert listed in text
    assert all(f"skill-{number}" in text for number in range(200)), "none is kept back"
    assert "- h " not in text
    assert "- skill-0 (of this repository): What" in text
    assert shelf(repo).material("h") == "w", "people may name it"


def test_forced_skills_stand_in_the_first_words(repo: Path) -> None:
    written(repo / ".agents/skills/a/SKILL.md", SKILL.format("a"))
    text = shelf(repo).system(["a", "gone"])
    assert f"# The skill a, from {repo}/.agents/skills/a/SKILL.md\n\nWords of a." in text
    assert "there is no skill 'gone'" in text


def test_every_shipped_skill_can_be_used(repo: Path) -> None:
    shipped = [one for one in shelf(repo).skills() if one.source == "shipped"]
    assert len(shipped) >= 10
    for one in shipped:
        assert not one.problem
        assert one.name == Path(one.path).parent.name
        assert Path(one.path).read_text().count("\n") < 150
        assert len(one.description) <= skills.SHOWN, "models see all of it"


# ---------------------------------------------------------------- commands


def test_a_command_is_filled_in(repo: Path) -> None:
    written(
        repo / ".claude/commands/fix.md",
        "---\ndescription: Fix it\nargument-hint: [issue]\n---\nFix $1 ($2) of $ARGUMENTS; $10.",
    )
    written(repo / ".agents/commands/front/end.md", "Do it.")
    at = shelf(repo)
    assert at.command("fix", "'a b' c").text == "Fix a b (c) of 'a b' c; $10."
    assert at.command("fix", "it's \"x").text == "Fix it's (\"x) of it's \"x; $10."
    assert at.command("front:end", "now").text == "Do it.\n\nnow"
    papers = {one.name: one for one in at.commands()}
    assert (papers["fix"].description, papers["fix"].hint) == ("Fix it", "[issue]")
    assert papers["front:end"].description == "Do it."
    with pytest.raises(ConfigError, match="there is no command"):
        at.command("gone", "")


def test_what_is_typed_is_no_part_of_what_is_run(repo: Path) -> None:
    written(repo.parent / "own/commands/log.md", "Read !`git log -1 $1` and !`date`, $1.")
    given = shelf(repo).command("log", "'; touch ran #' !`touch ran`")
    assert given.runs == (
        "set -- '; touch ran #' '!`touch' 'ran`'\n"
        "ARGUMENTS=''\"'\"'; touch ran #'\"'\"' !`touch ran`'\ngit log -1 $1",
        "date",
    )
    assert given.text == "Read \x000\x00 and \x001\x00, ; touch ran #."


def test_a_repositorys_command_runs_nothing_before_it_is_trusted(repo: Path) -> None:
    path = written(repo / ".claude/commands/log.md", "Read !`git log`.")
    standing = Standing()
    with pytest.raises(ConfigError, match="tuiagent trust show"):
        shelf(repo, "", standing).command("log", "")
    (row,) = brought(str(repo), "", "", standing)
    assert (row.state, row.offer.runs) == ("new", ("git log",))
    standing.trusted["command"][str(path)] = row.offer.sha256
    assert shelf(repo, "", standing).command("log", "").runs == ("git log",)
    path.write_text("Read !`git log; touch ran`.")
    assert brought(str(repo), "", "", standing)[0].state == "changed"
    with pytest.raises(ConfigError, match="tuiagent trust show"):
        shelf(repo, "", standing).command("log", "")
    path.write_text("Other words, !`git log`.")
    assert shelf(repo, "", standing).command("log", "").text.startswith("Other words")


def test_instructions_of_a_folder_below(repo: Path) -> None:
    written(repo / "a/CLAUDE.md", "of a")
    written(repo / "a/b/AGENTS.md", "of b")
    written(repo / "a/b/CLAUDE.md", "not this one")
    written(repo.parent / "AGENTS.md", "outside")
    (repo / "c").mkdir()
    (repo / "c/AGENTS.md").symlink_to(repo.parent / "AGENTS.md")
    at = shelf(repo)
    assert [one.text for one in at.entered(str(repo / "a/b/x.py"))] == ["of a", "of b"]
    assert at.entered(str(repo / "c/x")) == at.entered(str(repo)) == []
    assert at.entered(str(repo.parent / "elsewhere/x")) == []
