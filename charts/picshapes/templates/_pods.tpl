{{- /* What all pods have: the restricted Pod Security profile, where they run, and common settings. */ -}}

{{- define "picshapes.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "picshapes.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Arguments: root, component, section (values with a placement), class (control or worker). */ -}}
{{- define "picshapes.podMetadata" -}}
labels:
  {{- /* No version: an upgrade starts anew only the pods that it changes. */}}
  {{- include "picshapes.selector" (dict "root" .root "component" .component) | nindent 2 }}
  app.kubernetes.io/part-of: picshapes
  {{- with .section.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) .section.podAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Arguments: root, component, section, class; selector (YAML) of the pods to spread. */ -}}
{{- define "picshapes.placement" -}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .section.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .section.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .section.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .section.topologySpreadConstraints }}
  {{- toYaml .section.topologySpreadConstraints | nindent 2 }}
{{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- .selector | nindent 8 }}
{{- end }}
{{- $class := index .root.Values.priorityClasses .class }}
{{- if .section.priorityClassName }}
priorityClassName: {{ .section.priorityClassName }}
{{- else if $class.create }}
priorityClassName: {{ include "picshapes.clusterName" .root }}-{{ .class }}
{{- end }}
{{- end }}

{{- /* Arguments: root, logLevel. Settings that the three parts share. */ -}}
{{- define "picshapes.commonEnv" -}}
- name: PICSHAPES_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .root.Values.jobNamespaces }}
- name: PICSHAPES_JOB_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
- name: PICSHAPES_CATALOGUE
  value: {{ include "picshapes.catalogue" .root }}
- name: PICSHAPES_LOG_FORMAT
  value: json
- name: PICSHAPES_LOG_LEVEL
  value: {{ .logLevel }}
- name: HOME
  value: /home/picshapes
{{- end }}

{{- define "picshapes.catalogue" -}}
{{- if eq .Values.catalogue.name "custom" }}/etc/picshapes/catalogue.yaml{{ else }}{{ .Values.catalogue.name }}{{ end -}}
{{- end }}

{{- /* A change of the catalogue starts the pods anew. */ -}}
{{- define "picshapes.catalogueAnnotation" -}}
{{- if eq .Values.catalogue.name "custom" -}}
checksum/catalogue: {{ sha256sum .Values.catalogue.custom }}
{{- end -}}
{{- end }}

{{- define "picshapes.commonMounts" -}}
- name: tmp
  mountPath: /tmp
- name: home
  mountPath: /home/picshapes
{{- if eq .Values.catalogue.name "custom" }}
- name: catalogue
  mountPath: /etc/picshapes
  readOnly: true
{{- end }}
{{- end }}

{{- /* Arguments: root, size of each writable folder. */ -}}
{{- define "picshapes.commonVolumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .size }}
- name: home
  emptyDir:
    sizeLimit: {{ .size }}
{{- if eq .root.Values.catalogue.name "custom" }}
- name: catalogue
  configMap:
    name: {{ include "picshapes.fullname" .root }}-catalogue
{{- end }}
{{- end }}

{{- /* Arguments: root, persistence, name of the chart's own claim. */ -}}
{{- define "picshapes.dataVolume" -}}
{{- if not .persistence.enabled -}}
emptyDir: {}
{{- else -}}
persistentVolumeClaim:
  claimName: {{ .persistence.existingClaim | default .name }}
{{- end -}}
{{- end }}

{{- /* Arguments: root, component, persistence, name. Kept when the release goes: it holds users and pictures. */ -}}
{{- define "picshapes.claim" -}}
{{- if and .persistence.enabled (not .persistence.existingClaim) }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  labels:
    {{- include "picshapes.labels" (dict "root" .root "component" .component) | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  accessModes: [ReadWriteOnce]
  {{- with .persistence.storageClass }}
  storageClassName: {{ if eq . "-" }}""{{ else }}{{ . }}{{ end }}
  {{- end }}
  resources:
    requests:
      storage: {{ .persistence.size }}
{{- end }}
{{- end }}

{{- /* Arguments: root, component, annotations. */ -}}
{{- define "picshapes.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "picshapes.fullname" .root }}-{{ .component }}
  labels:
    {{- include "picshapes.labels" (dict "root" .root "component" .component) | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
