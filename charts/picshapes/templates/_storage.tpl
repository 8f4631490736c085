{{- /* How the API and the workers reach the object store. */ -}}

{{- define "picshapes.storageEnv" -}}
{{- if eq .Values.storage.type "bundled" -}}
- name: PICSHAPES_STORAGE_URL
  value: s3://pictures
- name: AWS_ENDPOINT
  value: http://{{ include "picshapes.fullname" . }}-store:7070
- name: AWS_ALLOW_HTTP
  value: "true"
- name: AWS_REGION
  value: us-east-1
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ include "picshapes.fullname" . }}-store
      key: access-key
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "picshapes.fullname" . }}-store
      key: secret-key
{{- else -}}
- name: PICSHAPES_STORAGE_URL
  value: {{ .Values.storage.url | quote }}
{{- if hasPrefix "s3://" .Values.storage.url }}
- name: AWS_REGION
  value: {{ .Values.storage.region | quote }}
{{- with .Values.storage.endpoint }}
- name: AWS_ENDPOINT
  value: {{ . | quote }}
{{- if hasPrefix "http://" . }}
- name: AWS_ALLOW_HTTP
  value: "true"
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "picshapes.storageEnvFrom" -}}
{{- if and (eq .Values.storage.type "external") .Values.storage.existingSecret -}}
envFrom:
  - secretRef:
      name: {{ .Values.storage.existingSecret }}
{{- end }}
{{- end }}
