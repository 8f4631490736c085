{{- /* Values that don't go together, each with a sentence that says what to do. The schema holds each value alone. */ -}}

{{- define "picshapes.checks" -}}
{{- $postgres := .Values.database.existingSecret.name -}}
{{- $redis := .Values.redis.existingSecret.name -}}
{{- if gt (int .Values.api.replicas) 1 -}}
{{- if not $postgres }}{{ fail "api.replicas is more than 1, but SQLite belongs to one process: set database.existingSecret.name to a Secret with the URL of a PostgreSQL database" }}{{ end -}}
{{- if not $redis }}{{ fail "api.replicas is more than 1, but without Redis each process would count rate limits alone: set redis.existingSecret.name to a Secret with the URL of a Redis" }}{{ end -}}
{{- end -}}
{{- with .Values.storage -}}
{{- if and (eq .type "external") (not .url) }}{{ fail "storage.type is external, but storage.url names no store, such as s3://bucket" }}{{ end -}}
{{- if and (eq .type "bundled") .url }}{{ fail "storage.url names a store, but storage.type is bundled: set it to external" }}{{ end -}}
{{- if and .jobRetentionDays (or (not .retentionDays) (gt (int .retentionDays) (int .jobRetentionDays))) }}{{ fail "storage.jobRetentionDays needs a storage.retentionDays that isn't larger: jobs outlive their pictures" }}{{ end -}}
{{- end -}}
{{- if and (eq .Values.catalogue.name "custom") (not .Values.catalogue.custom) }}{{ fail "catalogue.name is custom, but catalogue.custom is empty" }}{{ end -}}
{{- if and (ne .Values.catalogue.name "custom") .Values.catalogue.custom }}{{ fail "catalogue.custom is given, but catalogue.name is not custom" }}{{ end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.host) }}{{ fail "api.ingress is enabled, but api.ingress.host names no host" }}{{ end -}}
{{- if and .Values.api.httpRoute.enabled (not .Values.api.httpRoute.parentRefs) }}{{ fail "api.httpRoute is enabled, but api.httpRoute.parentRefs names no Gateway" }}{{ end -}}
{{- $names := list -}}
{{- range .Values.workerPools -}}
{{- $pool := include "picshapes.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- if has .name $names }}{{ fail (printf "workerPools names the pool %s twice" .name) }}{{ end -}}
{{- $names = append $names .name -}}
{{- $where := printf "workerPools: pool %s" .name -}}
{{- with $pool.weights -}}
{{- if and (eq .source "existingClaim") (not .claimName) }}{{ fail (printf "%s: weights.source is existingClaim, but weights.claimName names none" $where) }}{{ end -}}
{{- if and (eq .source "image") (not .image) }}{{ fail (printf "%s: weights.source is image, but weights.image names none" $where) }}{{ end -}}
{{- if and (eq .source "baked") (eq $.Values.catalogue.name "real") }}{{ fail (printf "%s: the image holds only the demo weights, but catalogue.name is real: set weights.source to ephemeral, existingClaim or image" $where) }}{{ end -}}
{{- end -}}
{{- if and (eq $pool.gpu.mode "none") $pool.gpu.minMemoryMiB }}{{ fail (printf "%s: gpu.minMemoryMiB is given, but gpu.mode is none: set it to devicePlugin or dra" $where) }}{{ end -}}
{{- if and (eq $pool.gpu.mode "none") (eq $pool.precision "fp8") }}{{ fail (printf "%s: precision is fp8, which only GPUs have, but gpu.mode is none: set it to devicePlugin or dra" $where) }}{{ end -}}
{{- if and $pool.gpu.minMemoryMiB $pool.affinity (eq $pool.gpu.mode "devicePlugin") }}{{ fail (printf "%s: both affinity and gpu.minMemoryMiB are given: put the least memory into the affinity" $where) }}{{ end -}}
{{- with $pool.autoscaling -}}
{{- if and (eq .type "hpa") (lt (int .minReplicas) 1) }}{{ fail (printf "%s: an HPA can't go below 1 worker: set autoscaling.minReplicas to 1, or autoscaling.type to keda" $where) }}{{ end -}}
{{- if gt (int .minReplicas) (int .maxReplicas) }}{{ fail (printf "%s: autoscaling.minReplicas is more than autoscaling.maxReplicas" $where) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end }}
