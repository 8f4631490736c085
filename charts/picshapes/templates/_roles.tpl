{{- /* Roles of the parts, bound to their ServiceAccounts. */ -}}

{{- /* Arguments: root, component, rules (YAML). What a part may do in the release's namespace. */ -}}
{{- define "picshapes.role" -}}
{{- $name := printf "%s-%s" (include "picshapes.fullname" .root) .component -}}
{{- include "picshapes.boundRole" (merge (dict "name" $name "namespace" .root.Release.Namespace) .) }}
{{- end }}

{{- /* Arguments: root, component. What a part may do with jobs, in each namespace of jobs.

Named alike in all releases: helm refuses to install a second one that would look after a namespace. */ -}}
{{- define "picshapes.jobRoles" -}}
{{- $rules := include (printf "picshapes.rules.jobs.%s" .component) .root | trim }}
{{- $name := printf "picshapes:jobs:%s" .component }}
{{- range $namespace := prepend .root.Values.jobNamespaces .root.Release.Namespace | uniq }}
---
{{ include "picshapes.boundRole" (merge (dict "name" $name "namespace" $namespace "rules" $rules) $) }}
{{- end }}
{{- end }}

{{- /* Arguments: root, component, name, namespace, rules (YAML). */ -}}
{{- define "picshapes.boundRole" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "picshapes.labels" (dict "root" .root "component" .component) | nindent 4 }}
rules:
{{ .rules }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- include "picshapes.labels" (dict "root" .root "component" .component) | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ printf "%s-%s" (include "picshapes.fullname" .root) .component }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
