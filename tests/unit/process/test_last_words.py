from __future__ import annotations

from pathlib import Path

import pytest

from socratasync.process.last_words import leave_word, termination_log


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({}, "/dev/termination-log"),
        ({"SOCRATASYNC_TERMINATION_LOG": ""}, "/dev/termination-log"),
        ({"SOCRATASYNC_TERMINATION_LOG": "/tmp/words"}, "/tmp/words"),
    ],
)
def test_the_termination_log_is_where_kubernetes_looks(environ: dict[str, str], file: str) -> None:
    assert termination_log(environ) == Path(file)


def test_last_words_are_kept_and_where_they_cannot_be_nothing_happens(tmp_path: Path) -> None:
    file = tmp_path / "words"

    leave_word({"SOCRATASYNC_TERMINATION_LOG": str(file)}, "stopped")
    leave_word({"SOCRATASYNC_TERMINATION_LOG": str(tmp_path / "none" / "such")}, "stopped")

    assert file.read_text(encoding="utf-8") == "stopped"
