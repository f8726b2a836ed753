"""Other programs are told that data came in: they empty a cache, or reload a report server."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from socratasync.api.notify import HookSpec
from socratasync.contract.news import News
from socratasync.errors import HookFailed
from socratasync.notify.http_call import HttpCall, send, without_secrets
from socratasync.notify.run_news import data_news
from socratasync.pipeline.request import RunContext

log = logging.getLogger(__name__)


def call_hooks(context: RunContext) -> None:
    """Call every hook; then raises the first failure of a required one. Others are warnings."""
    failed: HookFailed | None = None
    news = _news(context)
    for number, hook in enumerate(context.request.spec.hooks):
        headers = context.request.secrets.hook_headers.get(number, {})
        call = hook_call(number, hook, headers, news)
        try:
            send(call)
            log.info("called %s", call.shown)
        except HookFailed as exc:
            context.journal.warn(f"hook: {exc.message}")
            if hook.required:
                failed = failed or exc
    if failed:
        raise failed


def _news(context: RunContext) -> News:
    request = context.request
    return data_news(
        context.journal.report,
        name=request.name,
        namespace=request.namespace,
        domain=request.spec.domain,
        start=context.started,
        now=context.options.clock(),
    )


def hook_call(number: int, hook: HookSpec, headers: Mapping[str, str], news: News) -> HttpCall:
    """The call of a hook, with the news as the JSON body unless its method has none."""
    return HttpCall(
        method=hook.method,
        url=hook.url,
        shown=without_secrets(hook.url),
        written_in=f"hooks[{number}].url",
        body=None if hook.method in ("GET", "DELETE") else news.as_dict(),
        headers=headers,
        timeout_s=hook.timeout_seconds,
    )
