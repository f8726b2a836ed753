"""The operator: SocrataSyncs in, Jobs, status, events and metrics out.

Decide, then act. ``decide`` says what is to be done for one resource, from its spec, its status and
its Jobs; ``run_job`` builds a Job; ``outcome`` reads what became of one; ``status`` writes it down.
All of that is pure. ``reconcile`` gathers, decides, acts and writes, for one resource; ``scheduler``
knows when which resource is next; ``handlers`` is the only one to know kopf, ``cluster`` the only one
to call the Kubernetes API. The status and the Jobs are the whole memory: an operator killed anywhere
decides the same again.

**Annotations** of a SocrataSync, each a token that means something by being new:

* ``socratasync.dev/requestedAt``: run now, beside the schedule; echoed in
  ``status.lastHandledReconcileAt``. While a run is active it waits; while suspended it is refused,
  with an event, and echoed too.
* ``socratasync.dev/full``: the same as one full run; echoed in ``status.lastHandledFullAt``.
* ``socratasync.dev/cancelAt``: stop the active run; echoed in ``status.lastHandledCancelAt`` when it is
  over, or at once if there is none.

Tokens are compared by their first 253 characters.

**Rights**, all of them, as a ClusterRole or, with ``--namespace``, as a Role in each namespace:

* ``socratasync.dev`` ``socratasyncs``: get, list, watch; ``socratasyncs/status``: patch
* ``batch`` ``jobs``: get, list, watch, create, delete
* ``""`` ``pods``: list; ``pods/log``: get; ``events``: create

Nothing else: no secrets, no finalizers, no namespaces, no CustomResourceDefinitions.
"""
