from __future__ import annotations

import gzip
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from socratasync.errors import TargetUnavailable
from socratasync.pipeline.stage.archive import ArchiveFile, Nowhere

HEADER = b'"srnumber",":id"\n'
ONE = b'"1","row-a"\n'
TWO = b'"2","row-b"\n'


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ArchiveFile]:
    """An open archive file of the dataset's year 2020 and run ``run-1``."""
    made = ArchiveFile(tmp_path, "rq3b-xjk8", 2020, "run-1")
    made.open(0)
    yield made
    made.close()


def page(archive: ArchiveFile, *chunks: bytes) -> None:
    archive.begin_page(first=archive.size == 0)
    for chunk in chunks:
        archive.write(chunk)
    archive.end_page()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_is_kept_by_dataset_and_year_under_the_name_of_its_run(
    archive: ArchiveFile, tmp_path: Path
) -> None:
    page(archive, HEADER + ONE)
    archive.finish(keep=3)

    file = tmp_path / "rq3b-xjk8" / "2020" / "run-1.csv.gz"
    assert archive.path == file
    assert gzip.decompress(file.read_bytes()) == HEADER + ONE


def test_a_dataset_without_a_year_has_a_folder_of_its_own(tmp_path: Path) -> None:
    archive = ArchiveFile(tmp_path, "rq3b-xjk8", None, "run-1")

    assert archive.path == tmp_path / "rq3b-xjk8" / "all" / "run-1.csv.gz"


def test_pages_add_up_to_one_file_with_one_header(archive: ArchiveFile) -> None:
    page(archive, HEADER + ONE)
    page(archive, HEADER + TWO)
    page(archive, HEADER)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + ONE + TWO


def test_a_header_cut_by_a_chunks_end_is_still_left_out(archive: ArchiveFile) -> None:
    page(archive, HEADER + ONE)
    page(archive, HEADER[:5], HEADER[5:-1], b"\n" + TWO[:3], TWO[3:])
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + ONE + TWO


def test_an_empty_download_keeps_its_header(archive: ArchiveFile) -> None:
    page(archive, HEADER)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER


def test_a_page_that_failed_leaves_nothing(archive: ArchiveFile) -> None:
    page(archive, HEADER + ONE)
    archive.begin_page(first=False)
    archive.write(HEADER + os.urandom(200_000))
    archive.take_back()
    page(archive, HEADER + TWO)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + ONE + TWO


def test_a_first_page_that_failed_leaves_its_header_to_the_next_try(archive: ArchiveFile) -> None:
    archive.begin_page(first=True)
    archive.write(HEADER + ONE[:4])
    archive.take_back()
    page(archive, HEADER + ONE)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + ONE


def test_a_page_whose_commit_failed_is_taken_back_though_it_was_whole(
    archive: ArchiveFile,
) -> None:
    page(archive, HEADER + ONE)
    page(archive, HEADER + TWO)
    archive.take_back()
    page(archive, HEADER + TWO)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + ONE + TWO


def test_a_later_run_goes_on_where_the_checkpoint_was(archive: ArchiveFile, tmp_path: Path) -> None:
    page(archive, HEADER + ONE)
    size = archive.size
    page(archive, HEADER + TWO)  # the checkpoint of this page was never written
    archive.close()

    later = ArchiveFile(tmp_path, "rq3b-xjk8", 2020, "run-2")
    assert later.can_resume(size)
    later.open(size)
    page(later, HEADER + TWO)
    later.finish(keep=3)

    assert kept(tmp_path) == ["run-2.csv.gz"]
    assert gzip.decompress(later.path.read_bytes()) == HEADER + ONE + TWO


def test_a_part_that_is_shorter_than_the_checkpoint_cannot_be_gone_on_with(
    archive: ArchiveFile, tmp_path: Path
) -> None:
    page(archive, HEADER + ONE)
    archive.close()

    assert not ArchiveFile(tmp_path, "rq3b-xjk8", 2020, "run-2").can_resume(archive.size + 1)
    assert not ArchiveFile(tmp_path, "rq3b-xjk8", 2021, "run-2").can_resume(1)


def test_what_is_under_way_is_not_taken_for_a_whole_download(
    archive: ArchiveFile, tmp_path: Path
) -> None:
    page(archive, HEADER + ONE)

    assert [name for name in kept(tmp_path) if name.endswith(".csv.gz")] == []


def test_starting_anew_forgets_what_was_there(archive: ArchiveFile) -> None:
    page(archive, HEADER + ONE)
    archive.open(0)
    page(archive, HEADER + TWO)
    archive.finish(keep=1)

    assert gzip.decompress(archive.path.read_bytes()) == HEADER + TWO


def test_only_the_newest_downloads_of_a_dataset_are_kept(tmp_path: Path) -> None:
    for number in range(5):
        archive = ArchiveFile(tmp_path, "rq3b-xjk8", 2020, f"run-{9 - number}")
        archive.open(0)
        page(archive, HEADER)
        archive.finish(keep=2)
        os.utime(archive.path, (number, number))
    other = ArchiveFile(tmp_path, "pvft-t768", 2019, "run-0")
    other.open(0)
    page(other, HEADER)
    other.finish(keep=2)

    assert kept(tmp_path) == ["run-0.csv.gz", "run-5.csv.gz", "run-6.csv.gz"]


def test_a_folder_that_cannot_be_written_is_told_with_what_to_check(tmp_path: Path) -> None:
    (tmp_path / "rq3b-xjk8").write_text("a file where a folder must be")

    with pytest.raises(TargetUnavailable, match=r"cannot be written.*Check the volume"):
        ArchiveFile(tmp_path, "rq3b-xjk8", 2020, "run-1")


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file of this process may grow beyond 50 kB, as on a volume that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("little_room")
def test_a_volume_that_is_full_is_told_and_what_was_whole_stays(archive: ArchiveFile) -> None:
    page(archive, HEADER + ONE)
    whole = archive.size

    archive.begin_page(first=False)
    with pytest.raises(TargetUnavailable, match="File too large"):
        archive.write(HEADER + os.urandom(500_000))
    archive.take_back()

    assert archive.size == whole
    assert gzip.decompress(archive.path.with_name("rq3b-xjk8.part").read_bytes()) == HEADER + ONE


def test_without_an_archive_nothing_is_written(tmp_path: Path) -> None:
    nowhere = Nowhere()
    nowhere.begin_page(first=True)
    nowhere.write(HEADER)
    nowhere.end_page()
    nowhere.take_back()

    assert nowhere.size == 0
    assert kept(tmp_path) == []
