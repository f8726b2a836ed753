"""Socrata Sync keeps PostgreSQL tables in step with Socrata open-data datasets.

A manifest (``api``) is planned against the source and the target (``plan``), run as
download → stage → merge → refresh (``pipeline``), and reported (``report``). Start reading at
``pipeline.py``: it is the whole run on one screen.
"""

__version__ = "0.1.0"
