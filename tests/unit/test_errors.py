from __future__ import annotations

import inspect

import pytest

from socratasync import errors
from socratasync.errors import SyncError, Terminated, TryAgain, Unexpected

CLASSES = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, SyncError) and cls is not SyncError
]
FAMILIES = {"TryAgain": 75, "DataRefused": 65, "NotAllowed": 77, "Misconfigured": 78}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_failure_is_in_the_tree_and_says_when_it_is_met(cls: type[SyncError]) -> None:
    assert errors.__doc__ is not None
    assert f"── {cls.__name__}" in errors.__doc__
    assert cls.__doc__


@pytest.mark.parametrize("cls", CLASSES)
def test_every_failure_ends_with_the_exit_code_of_its_family(cls: type[SyncError]) -> None:
    codes = {FAMILIES[base.__name__] for base in cls.__mro__ if base.__name__ in FAMILIES}

    assert codes == {cls.exit_code} or (cls is Unexpected and cls.exit_code == 70)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_reason_is_one_camel_case_word(cls: type[SyncError]) -> None:
    reason = cls("x").reason

    assert reason.isalnum()
    assert reason[0].isupper()


def test_a_query_that_was_too_slow_is_reported_as_a_source_that_is_away() -> None:
    assert errors.SourceTooSlow("x").reason == "SourceUnavailable"


def test_what_may_pass_keeps_the_wait_that_was_asked_for() -> None:
    assert TryAgain("x").retry_after is None
    assert errors.SourceThrottled("x", retry_after=7.0).retry_after == 7.0


def test_a_fault_of_our_own_names_what_it_was() -> None:
    fault = Unexpected.because_of(ZeroDivisionError("by zero"))

    assert fault.reason == "InternalError"
    assert "ZeroDivisionError: by zero" in fault.message


def test_nothing_that_absorbs_exceptions_absorbs_sigterm() -> None:
    assert not issubclass(Terminated, Exception)
    assert Terminated.exit_code == 143
