"""What a person is told who must name the authority of a certificate. Whoever reads it may run a worker in a
cluster, whose environment is the manifest's, or by hand.
"""

from typing import Final

NAME_AUTHORITY: Final = (
    "name its CA bundle in the variable SSL_CERT_FILE: of a sync in spec.job.podTemplate (env, and the file by "
    "volumes and volumeMounts), of all syncs in the chart's jobs.caBundle"
)
