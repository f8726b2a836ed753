"""What a notification's Job runs: one message to one channel, by the orders in its environment.

Its exit code says whether another try helps. One sentence goes to the termination log, which Kubernetes keeps, and
to standard error; the channel's address is in neither.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from socratasync.contract import environment
from socratasync.contract.notification import read_notification
from socratasync.errors import HookFailed, Misconfigured, SyncError, Terminated, Unexpected
from socratasync.notify.channel import tell
from socratasync.process import logs
from socratasync.process.last_words import leave_word
from socratasync.process.signals import interruptible, leave

log = logging.getLogger(__name__)


def main(environ: Mapping[str, str], early: Sequence[int] = ()) -> int:
    """Tell; the exit code: 0 told, 75 what passes, 78 what needs a person. ``early``: signals that came before."""
    redact = environment.redactor(environ)
    logs.configure("json", redact)
    with interruptible() as interruption:
        try:
            for number in early:
                interruption.receive(number)
            code, sentence = _told(environ)
            interruption.too_late()
        except Terminated as exc:
            code, sentence = exc.exit_code, "stopped; nobody may have been told"
        log.log(logging.ERROR if code else logging.INFO, "%s", sentence)
        leave_word(environ, redact(sentence))
    if interruption.exit_code is not None:
        leave(code)
    return code


def _told(environ: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and sentence."""
    try:
        notification = read_notification(environ)
        tell(notification)
    except HookFailed as exc:
        return exc.exit_code if exc.passes else Misconfigured.exit_code, exc.message
    except SyncError as exc:
        return exc.exit_code, exc.message
    except Exception as exc:  # whatever it is, Kubernetes must learn that nobody was told
        log.exception("this should not have happened")
        unexpected = Unexpected.because_of(exc)
        return unexpected.exit_code, unexpected.message
    return 0, f"told {notification.channel} of {notification.news.name}"
