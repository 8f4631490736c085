{{- /* What only the workers' pods have: the device and the weights. */ -}}

{{- /* Argument: a pool. Its resources, and the device. */ -}}
{{- define "picshapes.poolResources" -}}
{{- $resources := deepCopy .resources -}}
{{- if eq .gpu.mode "devicePlugin" -}}
{{- $limits := merge (dict .gpu.resourceName 1) ($resources.limits | default dict) -}}
{{- $_ := set $resources "limits" $limits -}}
{{- else if eq .gpu.mode "dra" -}}
{{- $_ := set $resources "claims" (list (dict "name" "gpu")) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end }}

{{- /* Argument: a pool's weights. */ -}}
{{- define "picshapes.weightsEnv" -}}
{{- if ne .source "baked" -}}
- name: HF_HUB_CACHE
  value: {{ .mountPath }}
{{- end }}
{{- if ne .source "ephemeral" }}
# Nothing is looked for on the network: the weights are here, or the worker says what is missing.
- name: HF_HUB_OFFLINE
  value: "1"
{{- end }}
{{- with .hfEndpoint }}
- name: HF_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .hfTokenSecret }}
- name: HF_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: token
{{- end }}
{{- end }}

{{- /* Argument: a pool's weights. */ -}}
{{- define "picshapes.weightsVolume" -}}
{{- if ne .source "baked" -}}
- name: weights
{{- if eq .source "existingClaim" }}
  persistentVolumeClaim:
    claimName: {{ .claimName }}
    readOnly: true
{{- else if eq .source "image" }}
  image:
    reference: {{ .image }}
    pullPolicy: IfNotPresent
{{- else if .storageClass }}
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ .storageClass }}
        resources:
          requests:
            storage: {{ .size }}
{{- else }}
  emptyDir:
    sizeLimit: {{ .size }}
{{- end }}
{{- end }}
{{- end }}
