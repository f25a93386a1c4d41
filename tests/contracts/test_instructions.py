"""AGENTS.md: which are read, in which order, and which never."""

import os
from pathlib import Path

from tuiagent.library.instructions import LARGEST, system_text


def test_the_nearest_counts_most(tmp_path: Path) -> None:
    deep = tmp_path / "repo/a/b"
    deep.mkdir(parents=True)
    (tmp_path / "repo/.git").mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "AGENTS.md").write_text("outside the repository")
    places = (home, tmp_path / "repo", tmp_path / "repo/a", deep)
    for number, place in enumerate(places):
        (place / "AGENTS.md").write_text(f"words {number}")
    text = system_text(str(deep), str(home))
    found = [text.index(f"words {number}") for number in range(len(places))]
    assert found == sorted(found)
    assert "outside" not in text


def test_without_a_repository_only_the_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("above")
    (tmp_path / "w").mkdir()
    (tmp_path / "w/AGENTS.md").write_text("here")
    text = system_text(str(tmp_path / "w"))
    assert "here" in text
    assert "above" not in text


def test_links_pipes_and_endless_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("canary")
    (tmp_path / "w").mkdir()
    file = tmp_path / "w/AGENTS.md"
    file.symlink_to(tmp_path / "secret")
    assert "canary" not in system_text(str(tmp_path / "w"))
    file.unlink()
    os.mkfifo(file)
    assert f"# From {file}" not in system_text(str(tmp_path / "w"))
    file.unlink()
    file.write_text("x" * 10 * LARGEST)
    text = system_text(str(tmp_path / "w"))
    assert len(text) < 2 * LARGEST
    assert "left out" in text
