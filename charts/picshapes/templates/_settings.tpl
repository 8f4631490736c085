{{- /* The settings of the three parts, as environment variables; a name that the values give, too, counts as given there. */ -}}

{{- /* Arguments: ours (YAML), own (the values' list). */ -}}
{{- define "picshapes.env" -}}
{{- $names := list -}}
{{- range .own }}{{- $names = append $names .name }}{{- end -}}
{{- $all := list -}}
{{- range .ours | fromYamlArray }}{{- if not (has .name $names) }}{{- $all = append $all . }}{{- end }}{{- end -}}
{{- toYaml (concat $all .own) -}}
{{- end }}

{{- define "picshapes.apiEnv" -}}
{{ include "picshapes.commonEnv" (dict "root" . "logLevel" .Values.api.logLevel) }}
- name: PICSHAPES_HOST
  value: "0.0.0.0"
- name: PICSHAPES_PORT
  value: "8080"
{{- with .Values.api.publicUrl }}
- name: PICSHAPES_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.api.trustedProxies }}
- name: PICSHAPES_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
- name: PICSHAPES_MAX_UNFINISHED
  value: {{ .Values.api.maxUnfinished | int64 | quote }}
- name: PICSHAPES_MAX_UNFINISHED_PER_USER
  value: {{ .Values.api.maxUnfinishedPerUser | int64 | quote }}
- name: PICSHAPES_ADMIN_SECRET
  value: {{ include "picshapes.adminSecret" . }}
- name: PICSHAPES_ADMIN_EMAIL
  value: {{ .Values.admin.email | quote }}
{{- with .Values.storage.publicEndpoint }}
- name: PICSHAPES_STORAGE_PUBLIC_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.storage.retentionDays }}
- name: PICSHAPES_RETENTION_DAYS
  value: {{ . | int64 | quote }}
{{- end }}
{{- with .Values.storage.jobRetentionDays }}
- name: PICSHAPES_JOB_RETENTION_DAYS
  value: {{ . | int64 | quote }}
{{- end }}
- name: DATABASE_URL
  {{- if not .Values.database.existingSecret.name }}
  value: sqlite:///data/picshapes.db
  {{- else }}
  valueFrom:
    secretKeyRef:
      {{- toYaml .Values.database.existingSecret | nindent 6 }}
  {{- end }}
{{- if .Values.redis.existingSecret.name }}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      {{- toYaml .Values.redis.existingSecret | nindent 6 }}
{{- end }}
{{ include "picshapes.storageEnv" . }}
{{- end }}

{{- define "picshapes.operatorEnv" -}}
{{ include "picshapes.commonEnv" (dict "root" . "logLevel" .Values.operator.logLevel) }}
- name: PICSHAPES_PROBE_HOST
  value: "0.0.0.0"
- name: PICSHAPES_PROBE_PORT
  value: "8082"
- name: PICSHAPES_POOLS
  value: {{ include "picshapes.pools" . | quote }}
- name: PICSHAPES_WATCH_NODES
  value: {{ .Values.operator.watchNodes | quote }}
{{- if include "picshapes.autoscaled" . }}
- name: PICSHAPES_MARK_IDLE
  value: "true"
{{- end }}
- name: PICSHAPES_POOL_DRAIN_S
  value: {{ .Values.operator.poolDrainSeconds | int64 | quote }}
{{- end }}

{{- /* Arguments: root, pool. */ -}}
{{- define "picshapes.workerEnv" -}}
{{ include "picshapes.commonEnv" (dict "root" .root "logLevel" .pool.logLevel) }}
- name: PICSHAPES_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: PICSHAPES_PROBE_HOST
  value: "0.0.0.0"
- name: PICSHAPES_PROBE_PORT
  value: "8081"
- name: PICSHAPES_ENGINE
  value: {{ .pool.engine | quote }}
- name: PICSHAPES_DEVICE
  value: {{ ternary "cpu" "cuda" (eq .pool.gpu.mode "none") }}
{{- if eq .pool.precision "fp8" }}
- name: PICSHAPES_PRECISION
  value: fp8
{{- end }}
- name: PICSHAPES_GRACE_S
  value: {{ sub (.pool.terminationGracePeriodSeconds | int64) 30 | quote }}
{{- with .pool.models }}
- name: PICSHAPES_MODELS
  value: {{ join "," . | quote }}
{{- end }}
{{- with .pool.vramMiB }}
- name: PICSHAPES_VRAM_MIB
  value: {{ . | int64 | quote }}
{{- end }}
{{- with .root.Values.api.publicUrl }}
- name: PICSHAPES_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
{{- with include "picshapes.weightsEnv" .pool.weights | trim }}
{{ . }}
{{- end }}
{{ include "picshapes.storageEnv" .root }}
{{- end }}
