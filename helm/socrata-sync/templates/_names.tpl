{{/* What the program is called, in labels and selectors. */}}
{{- define "socratasync.name" -}}
{{- default "socratasync" .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What objects are called. A release called socratasync or socrata-sync does not say it twice. */}}
{{- define "socratasync.fullname" -}}
{{- $name := include "socratasync.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains $name (replace "-" "" .Release.Name) }}
{{- .Release.Name | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Names without a namespace carry the release's, so that two installs do not take each other's. */}}
{{- define "socratasync.clusterName" -}}
{{- $full := include "socratasync.fullname" . }}
{{- if eq .Release.Namespace "socratasync-system" }}
{{- $full }}
{{- else }}
{{- printf "%s-%s" .Release.Namespace $full | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "socratasync.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "socratasync.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.create is false: give the name of the account to use in serviceAccount.name" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "socratasync.selector" -}}
app.kubernetes.io/name: {{ include "socratasync.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of one object. Call with (list . "component"). */}}
{{- define "socratasync.labels" -}}
{{- $ := index . 0 -}}
{{- with $.Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ include "socratasync.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/part-of: socratasync
app.kubernetes.io/managed-by: {{ $.Release.Service }}
{{- end }}

{{- define "socratasync.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The namespaces that get a Role, as a JSON list; empty in scope Cluster. */}}
{{- define "socratasync.namespaces" -}}
{{- if eq .Values.watch.scope "Namespaces" }}
{{- if not .Values.watch.namespaces }}
{{- fail "watch.scope is Namespaces, but watch.namespaces is empty: name the namespaces, or choose scope Cluster or ReleaseNamespace" }}
{{- end }}
{{- uniq .Values.watch.namespaces | toJson }}
{{- else if eq .Values.watch.scope "ReleaseNamespace" }}
{{- list .Release.Namespace | toJson }}
{{- else }}
{{- list | toJson }}
{{- end }}
{{- end }}

{{/* What `jobs` says beyond its defaults, as YAML; nothing if that is nothing. */}}
{{- define "socratasync.jobs" -}}
{{- $said := dict }}
{{- range $name, $value := .Values.jobs }}
{{- if and $value (ne (toString $value) "Fixed") }}
{{- $_ := set $said $name $value }}
{{- end }}
{{- end }}
{{- if $said }}{{ toYaml $said }}{{ end }}
{{- end }}

{{/* "yes" where the operator is given no right to list the pods beside it, and so is told its image. */}}
{{- define "socratasync.mayNotSeeItself" -}}
{{- $namespaces := include "socratasync.namespaces" . | fromJsonArray }}
{{- if and $namespaces (not (has .Release.Namespace $namespaces)) }}yes{{ end }}
{{- end }}

{{/* All that the operator may do; no Secret is among it. */}}
{{- define "socratasync.rules" -}}
- apiGroups: [socratasync.dev]
  resources: [socratasyncs]
  verbs: [get, list, watch]
- apiGroups: [socratasync.dev]
  resources: [socratasyncs/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end }}
