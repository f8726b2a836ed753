"""A simulated Socrata portal over HTTPS: the wire format of a real one, and its faults by switch.

It ships with the package: ``socratasync demo`` shows itself against it, and tests and benches load
from it. In a test::

    import pytest
    from socrata_simulator import Fault, Portal, serve
    from socratasync.socrata import Source

    @pytest.fixture
    def portal():
        return Portal(app_tokens=["token"], accounts={"ada": "secret"})

    @pytest.fixture
    def server(portal, monkeypatch):
        with serve(portal) as server:                       # https, a free port of 127.0.0.1
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.ca_file)
            yield server                                     # server.domain is "127.0.0.1:PORT"

    def test_a_count_is_read(portal, server):
        portal.add_synthetic("abcd-1234", rows=1000, seed=1)  # LA 311 shape, key srnumber
        parks = portal.add_dataset(
            "park-0001",
            [("name", "text"), ("opened", "calendar_date"), ("acres", "number"), ("lit", "checkbox")],
            [{"name": "Elysian", "opened": "1886-04-05T00:00:00.000", "acres": 600, "lit": True}],
        )
        portal.faults.add(Fault.status(429, retry_after=0), on="count")
        assert Source(server.domain).first("park-0001", {"$select": "count(*) as n"}) == {"n": "1"}

Other data: ``portal.add_export(id, path)`` holds a portal's ``rows.csv`` export,
``portal.add_recorded(id, view_json, csv)`` recorded answers, ``portal.add_oddities(id)`` a column of
every type and values that loaders trip over (key ``key``). ``Portal(clock=…)`` sets the time of changes.

What people do to a dataset (``portal["park-0001"]`` or what ``add_dataset`` returned)::

    (row,) = parks.insert({"name": "Griffith", "acres": "4310.00"})  # the :id of the new row
    parks.update(row, acres=None)             # :updated_at moves, :id stays; also touch(row)
    parks.update(parks.ids("acres > 100", limit=5), lit=False)
    parks.delete(parks.find(name="Elysian"))
    parks.replace_all()                       # the same rows again (or others), all :ids new
    parks.add_column("lake", "text", value="no"); parks.drop_column("lit")
    parks.rename_column("acres", "area"); parks.retype_column("area", "text")
    parks.make_private(); parks.remove(); parks.freeze(successor="park-0002")
    parks.lag(); parks.catch_up()             # queries see the past until then, and say so
    parks.metadata = {"rowsUpdatedAt": None}  # laid over /api/views; None takes a key away
    parks.rows()                              # stored text by field name, with :id and :updated_at

What goes wrong: ``portal.faults.add(fault, times=1, after=0, dataset=None, on="any")``; ``on`` is
``rows``, ``count``, ``metadata``, ``catalog`` or ``any``, ``times=None`` is for good, ``after`` lets
requests pass first. A change between the first two pages is
``add(Fault.doing(lambda: parks.delete(row)), on="rows", after=1)``. The faults::

    status(429, retry_after=1)   202, 401, 403, 404, 408, 429, 500, and HTML for 502, 503, 504
    bare_error()  invalid_token()  login_page()  redirect("https://other/")
    reset(after_bytes)           TCP reset; 0: before any answer
    hang_up(after_bytes)         a chunked body without its last chunk
    truncated(after_bytes, compressed=False)   close-delimited: nothing tells that bytes are missing
    short_page(rows)             properly ended, though there are more rows
    wrong_count(n)  data_out_of_date()  without_types()
    slow_drip(piece, seconds)  delayed(seconds)
    doing(action)  doing_midway(action, after_bytes)  doing_afterwards(action)

``portal.requests`` says what was asked: (kind, dataset, parameters).

As a process of its own, for benches and for pods: ``python -m socrata_simulator --help``, or
``with socrata_simulator.process.running("--dataset", "abcd-1234=synthetic:1000000", "--warm",
"50000", "--gzip-level", "6") as simulator``. ``--warm`` prepares the pages that a client reading all
columns with that page size asks for, so that serving them costs next to nothing. ``--admin`` opens
``/_simulator/`` to change data and switch faults from outside; see ``administration``.
"""

from socrata_simulator.http.server import Server, serve
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

__all__ = ["Dataset", "Fault", "Portal", "Server", "serve"]
