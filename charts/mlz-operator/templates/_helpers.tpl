{{/* The operator's name: RELEASE-operator, or RELEASE where that says operator already. */}}
{{- define "mlz.operator" -}}
{{- if hasSuffix "operator" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-operator" (.Release.Name | trunc 43 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- define "mlz.registry" -}}
{{- printf "%s-registry" (.Release.Name | trunc 43 | trimSuffix "-") -}}
{{- end -}}

{{- define "mlz.rest" -}}
{{- printf "%s-rest" (.Release.Name | trunc 43 | trimSuffix "-") -}}
{{- end -}}

{{- define "mlz.restTls" -}}
{{- .Values.rest.tls.secretName | default (printf "%s-tls" (include "mlz.rest" .)) -}}
{{- end -}}

{{/* Who signs tokens: in every token, and known to the scoring pods. */}}
{{- define "mlz.issuer" -}}
{{- .Values.rest.publicUrl | default (printf "https://%s.%s.svc" (include "mlz.rest" .) .Release.Namespace) -}}
{{- end -}}

{{/* Where models that are imported go: host and repository prefix. */}}
{{- define "mlz.modelStore" -}}
{{- if .Values.rest.registry -}}
{{- .Values.rest.registry -}}
{{- else if .Values.registry.enabled -}}
{{- printf "%s.%s.svc:5000" (include "mlz.registry" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* What never changes between versions, so that selectors may use it. Takes (list ROOT COMPONENT). */}}
{{- define "mlz.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: mlz
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* Of pods: without versions, so that an upgrade of the chart alone restarts nothing. */}}
{{- define "mlz.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "mlz.selector" . }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: mlz
{{- end -}}

{{- define "mlz.labels" -}}
{{- $root := index . 0 -}}
{{ include "mlz.podLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Pod Security Standards, restricted. */}}
{{- define "mlz.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "mlz.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "mlz.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* defaults.json: class Defaults in operator/mlz/settings.py. */}}
{{- define "mlz.defaults" -}}
{{- $engines := dict -}}
{{- range $type, $engine := .Values.engines -}}
{{- $_ := set $engines $type (merge (dict "image" (index $.Values.images $type)) $engine) -}}
{{- end -}}
{{- $authentication := dict "mode" (.Values.authentication.mode | default (ternary "Required" "None" .Values.rest.enabled)) -}}
{{- if .Values.rest.enabled -}}
{{- $keys := printf "https://%s.%s.svc/auth/jwks.json" (include "mlz.rest" .) .Release.Namespace -}}
{{- $_ := set $authentication "facade" (dict "issuer" (include "mlz.issuer" .) "keysUrl" $keys "authoritiesFile" "/etc/mlz-rest/ca.crt") -}}
{{- end -}}
{{- dict "engines" $engines "imagePullSecrets" .Values.imagePullSecrets "fetch" .Values.fetch "authentication" $authentication | toPrettyJson -}}
{{- end -}}

{{/* The rules for what the operator does in the namespaces it serves. */}}
{{- define "mlz.rules" -}}
# Users' resources: read and watched, never written.
- apiGroups: [mlz.dev]
  resources: [mlzdeployments, mlzmodels, mlzscoringservices]
  verbs: [list, watch]
# Also a version of its own for an asset given by URI: server-side apply is a patch, and a create where
# there is nothing yet.
- apiGroups: [mlz.dev]
  resources: [mlzmodelversions]
  verbs: [list, watch, create, patch, delete]
# What is true of them, by server-side apply.
- apiGroups: [mlz.dev]
  resources:
    - mlzdeployments/status
    - mlzmodels/status
    - mlzmodelversions/status
    - mlzscoringservices/status
  verbs: [patch]
# The scoring pods of a deployment.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
# Its address and its identity without a token, which go with the deployment, not before it.
- apiGroups: [""]
  resources: [services, serviceaccounts]
  verbs: [list, watch, create, patch]
# Inspection pods; one is deleted when it has spoken.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, create, patch, delete]
# A schema that does not fit into a termination message; an engine's last words.
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
# From two pods on, one stays while nodes are drained.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, watch, create, patch, delete]
# Scoring pods are reached on their scoring port only.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list, watch, create, patch]
# Which tokens a deployment's pods take, and whose they are: its keys rotate without a restart.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch, create, patch]
# One event for each change of reason.
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}
