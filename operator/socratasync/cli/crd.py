"""``socratasync crd``: prints the CustomResourceDefinition."""

from __future__ import annotations

import typer

from socratasync.api.crd import crd_yaml


def command() -> None:
    """Print the CustomResourceDefinition, such as for kubectl apply -f -."""
    typer.echo(crd_yaml(), nl=False)
