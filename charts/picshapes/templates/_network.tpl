{{- /* Peers of network policies. */ -}}

{{- /* Argument: CIDRs. Where connections may go: there, or anywhere but at the cloud's metadata address. */ -}}
{{- define "picshapes.peers" -}}
{{- if . -}}
{{- range . }}
- ipBlock:
    cidr: {{ . }}
{{- end }}
{{- else -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [169.254.0.0/16]
- ipBlock:
    cidr: ::/0
    except: ["fe80::/10"]
{{- end }}
{{- end }}

{{- /* Argument: ports (TCP). */ -}}
{{- define "picshapes.ports" -}}
{{- range . }}
- {port: {{ . }}, protocol: TCP}
{{- end }}
{{- end }}

{{- define "picshapes.dnsRule" -}}
- to:
    - namespaceSelector: {}
      podSelector:
        matchLabels:
          k8s-app: kube-dns
    {{- range .Values.networkPolicy.dnsCIDRs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "picshapes.apiServerRule" -}}
- to:
    {{- include "picshapes.peers" .Values.networkPolicy.apiServerCIDRs | trim | nindent 4 }}
  ports:
    {{- include "picshapes.ports" .Values.networkPolicy.apiServerPorts | trim | nindent 4 }}
{{- end }}

{{- define "picshapes.storeRule" -}}
{{- if eq .Values.storage.type "bundled" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "picshapes.selector" (dict "root" . "component" "store") | nindent 10 }}
  ports:
    - {port: 7070, protocol: TCP}
{{- else -}}
- to:
    {{- include "picshapes.peers" .Values.networkPolicy.storageCIDRs | trim | nindent 4 }}
  ports:
    {{- include "picshapes.ports" .Values.networkPolicy.storagePorts | trim | nindent 4 }}
{{- end }}
{{- end }}

{{- /* Arguments: root, port. Who may scrape. */ -}}
{{- define "picshapes.scrapeRule" -}}
- from:
    - namespaceSelector:
        {{- if .root.Values.metrics.namespace }}
        matchLabels:
          kubernetes.io/metadata.name: {{ .root.Values.metrics.namespace }}
        {{- else }} {}
        {{- end }}
  ports:
    - {port: {{ .port }}, protocol: TCP}
{{- end }}
