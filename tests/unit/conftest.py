"""Properties are checked on machines that are busy with other things: no deadline for an example."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
