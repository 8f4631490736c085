{{- /* Roles of the parts, bound to their ServiceAccounts. */ -}}

{{- /* Arguments: root, component. What a part may do with jobs, in each namespace of jobs.

Named alike in all releases: helm refuses to install a second one that would look after a namespace. */ -}}
{{- define "picshapes.jobRoles" -}}
{{- $name := printf "picshapes:jobs:%s" .component }}
{{- $rules := include (printf "picshapes.rules.jobs.%s" .component) .root | trim }}
{{- range prepend (.root.Values.jobNamespaces | default list) .root.Release.Namespace | uniq }}
---
{{ include "picshapes.role" (merge (dict "name" $name "namespace" . "rules" $rules) $) }}
{{- end }}
{{- end }}

{{- /* Arguments: root, component, rules (YAML); name and namespace if they are not the part's own. */ -}}
{{- define "picshapes.role" -}}
{{- $account := printf "%s-%s" (include "picshapes.fullname" .root) .component -}}
{{- $name := .name | default $account -}}
{{- $namespace := .namespace | default .root.Release.Namespace -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "picshapes.labels" . | nindent 4 }}
rules:
{{ .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- include "picshapes.labels" . | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $account }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
