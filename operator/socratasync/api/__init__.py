"""The resource: its ``spec`` and ``status``, typed once. The CRD is generated from these models, and
``read_manifest`` reads a file by them, so both refuse the same things with the same words.
"""

from socratasync.api.crd import CRD_NAME, PLURAL, crd, crd_yaml
from socratasync.api.job import JobSpec, PodTemplate, Resources
from socratasync.api.manifest import API_VERSION, GROUP, KIND, VERSION, Manifest, read_manifest
from socratasync.api.notify import HookSpec, NotifySpec
from socratasync.api.source import ArchiveSpec, DatasetSpec, SourceSpec
from socratasync.api.spec import Mode, SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.api.target import FreshnessSpec, RefreshSpec, TargetSpec, VerifySpec

__all__ = [
    "API_VERSION",
    "CRD_NAME",
    "GROUP",
    "KIND",
    "PLURAL",
    "VERSION",
    "ArchiveSpec",
    "DatasetSpec",
    "FreshnessSpec",
    "HookSpec",
    "JobSpec",
    "Manifest",
    "Mode",
    "NotifySpec",
    "PodTemplate",
    "RefreshSpec",
    "Resources",
    "SourceSpec",
    "SyncSpec",
    "SyncStatus",
    "TargetSpec",
    "VerifySpec",
    "crd",
    "crd_yaml",
    "read_manifest",
]
