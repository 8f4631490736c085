{{- /* Pools of workers: what a pool says itself, over what `worker` says for all. */ -}}

{{- /* Arguments: root, pool. Returns the pool's values as JSON; its sections override `worker`'s key by key. */ -}}
{{- define "picshapes.pool" -}}
{{- $all := deepCopy .root.Values.worker -}}
{{- range $key, $value := .pool -}}
{{- if and (has $key (list "gpu" "weights" "autoscaling")) (kindIs "map" $value) -}}
{{- range $inner, $own := $value }}{{- $_ := set (index $all $key) $inner $own }}{{- end -}}
{{- else -}}
{{- $_ := set $all $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $all -}}
{{- end }}

{{- /* "true" if something else scales a pool: then the operator marks the pods of idle workers. */ -}}
{{- define "picshapes.autoscaled" -}}
{{- $autoscaled := false -}}
{{- range .Values.workerPools -}}
{{- $pool := include "picshapes.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- if ne $pool.autoscaling.type "none" }}{{- $autoscaled = true }}{{- end -}}
{{- end -}}
{{- if $autoscaled }}true{{ end -}}
{{- end }}

{{- /* What the operator is to know of the pools, for the number of workers that each wants. */ -}}
{{- define "picshapes.pools" -}}
{{- $pools := list -}}
{{- range .Values.workerPools -}}
{{- $pool := include "picshapes.pool" (dict "root" $ "pool" .) | fromJson -}}
{{- $known := dict "name" $pool.name -}}
{{- $memory := max ($pool.vramMiB | int64) (ternary ($pool.gpu.minMemoryMiB | int64) 0 (ne $pool.gpu.mode "none")) -}}
{{- if $pool.vramMiB }}{{- $memory = $pool.vramMiB | int64 }}{{- end -}}
{{- if gt $memory 0 }}{{- $_ := set $known "vram_mib" $memory }}{{- end -}}
{{- if $pool.models }}{{- $_ := set $known "models" $pool.models }}{{- end -}}
{{- $pools = append $pools $known -}}
{{- end -}}
{{- toJson $pools -}}
{{- end }}

{{- /* Argument: a pool. Nodes whose label says enough memory; Gt is all that a node's label can be asked. */ -}}
{{- define "picshapes.poolAffinity" -}}
{{- if .affinity -}}
{{- toYaml .affinity -}}
{{- else if and (eq .gpu.mode "devicePlugin") .gpu.minMemoryMiB -}}
nodeAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    nodeSelectorTerms:
      - matchExpressions:
          - key: nvidia.com/gpu.memory
            operator: Gt
            values: [{{ sub (.gpu.minMemoryMiB | int64) 1 | quote }}]
{{- end -}}
{{- end }}
