"""Values that users set together; each must render, lint, and be accepted by an API server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EVERYTHING: Mapping[str, Any] = {
    "commonLabels": {"team": "data"},
    "image": {"digest": "sha256:" + "0" * 64, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "watch": {"scope": "Namespaces", "namespaces": ["data", "maps"]},
    "operator": {
        "maxActiveRuns": 5,
        "maxActiveRunsPerDomain": 2,
        "maxActiveRunsPerNamespace": 3,
        "logFormat": "text",
        "logLevel": "debug",
    },
    "jobs": {
        "labels": {"kueue.x-k8s.io/queue-name": "nightly"},
        "resources": {"limits": {"memory": "1Gi"}},
        "caBundle": {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}},
        "userIds": "FromCluster",
        "podTemplate": {
            "imagePullSecrets": [{"name": "registry"}],
            "tolerations": [{"key": "batch", "operator": "Exists"}],
            "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        },
    },
    "serviceAccount": {"name": "loader", "annotations": {"example.com/role": "loader"}},
    "deploymentAnnotations": {"example.com/on-call": "data"},
    "podAnnotations": {"example.com/log": "json"},
    "podLabels": {"cost-centre": "311"},
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "infra", "operator": "In", "values": ["yes"]}]}
                ]
            }
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "socratasync"}},
        }
    ],
    "priorityClassName": "system-cluster-critical",
    "service": {"annotations": {"prometheus.io/scrape": "true"}},
    "statusPage": {"enabled": True, "leaveOutNamespaces": ["maps", "parks"]},
    "networkPolicy": {
        "statusPageFrom": [{"podSelector": {"matchLabels": {"app": "auth-proxy"}}}],
        "apiServerPorts": [6443],
        "apiServerCIDRs": ["10.0.0.0/8", "fd00::/8"],
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
        "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
        "syncJobs": {
            "enabled": True,
            "ports": [443, 6432],
            "extraEgress": [{"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}],
        },
    },
    "podDisruptionBudget": {"enabled": True},
    "serviceMonitor": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "relabelings": [{"action": "labeldrop", "regex": "pod"}],
        "metricRelabelings": [{"action": "labeldrop", "regex": "instance"}],
    },
    "prometheusRule": {
        "enabled": True,
        "labels": {"release": "prometheus"},
        "disabled": ["SocrataSyncRowDrift"],
        "overrides": {
            "SocrataSyncSuspendedTooLong": {
                "for": "30d",
                "severity": "info",
                "labels": {"team": "data"},
            }
        },
        "additionalRules": [{"record": "socratasync:syncs", "expr": "count(socratasync_info)"}],
    },
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Data"}},
}

COMBINATIONS: Mapping[str, Mapping[str, Any]] = {
    "the defaults": {},
    "everything at once": EVERYTHING,
    "scope of some namespaces": {"watch": {"scope": "Namespaces", "namespaces": ["data", "maps"]}},
    "scope of the release's namespace": {
        "watch": {"scope": "ReleaseNamespace"},
        "crds": {"install": False},
    },
    "all that watches the operator": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
    "an account and rights made by others": {
        "serviceAccount": {"create": False, "name": "loader"},
        "rbac": {"create": False},
    },
    "no policy, no aggregation": {
        "networkPolicy": {"enabled": False},
        "rbac": {"aggregateToDefaultRoles": False},
    },
    "policies for the Jobs": {"networkPolicy": {"syncJobs": {"enabled": True}}},
    "users chosen by OpenShift": {
        "podSecurityContext": {"runAsUser": None, "runAsGroup": None, "fsGroup": None},
        "jobs": {"userIds": "FromCluster"},
    },
    "the operator paused": {"replicas": 0},
    "a budget": {"podDisruptionBudget": {"enabled": True}},
    "two operators, one of which works": {
        "replicas": 2,
        "leaderElection": {"enabled": True},
        "podDisruptionBudget": {"enabled": True},
    },
}
