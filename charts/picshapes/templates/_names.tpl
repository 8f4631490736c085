{{- /* All names and labels, and the images' references. */ -}}

{{- define "picshapes.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- /* How names of the release's objects begin. */ -}}
{{- define "picshapes.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "picshapes.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "picshapes.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- /* How names of objects of the whole cluster begin: other releases are in other namespaces. */ -}}
{{- define "picshapes.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "picshapes.fullname" .) -}}
{{- end }}

{{- define "picshapes.adminSecret" -}}
{{- .Values.admin.existingSecret | default (printf "%s-admin" (include "picshapes.fullname" .)) -}}
{{- end }}

{{- /* Arguments: root, component. What pods are selected by: never changes. */ -}}
{{- define "picshapes.selector" -}}
app.kubernetes.io/name: {{ include "picshapes.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* Arguments: root, component. */ -}}
{{- define "picshapes.labels" -}}
{{ include "picshapes.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: picshapes
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Arguments: root, image (a key of `image`). */ -}}
{{- define "picshapes.image" -}}
{{- $image := index .root.Values.image .image -}}
{{- $registry := .root.Values.image.registry -}}
{{- if $registry }}{{ $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag }}{{ end -}}
{{- end }}
