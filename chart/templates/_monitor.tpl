{{/* An endpoint of a PodMonitor or ServiceMonitor. Takes the monitor's values. */}}
{{- define "qga.endpoint" -}}
- port: metrics
  path: /metrics
  {{- with .interval }}
  interval: {{ . | quote }}
  {{- end }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . | quote }}
  {{- end }}
  {{- if .honorLabels }}
  honorLabels: true
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The label whose value becomes the `job`; empty for the operator's default. Takes the monitor's values. */}}
{{- define "qga.jobLabel" -}}
{{- default .extraSpec.jobLabel .jobLabel -}}
{{- end -}}

{{/* The fields of a monitor's spec that the user adds. Takes the monitor's values. */}}
{{- define "qga.extraSpec" -}}
{{- with include "qga.jobLabel" . }}
jobLabel: {{ . | quote }}
{{- end }}
{{- with omit .extraSpec "jobLabel" }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
A regular expression for the `job` of the agents. A PodMonitor makes jobs of the name NAMESPACE/NAME, a ServiceMonitor
of the Service's name; with a label of that name its value takes their place.
*/}}
{{- define "qga.agentJob" -}}
{{- $metrics := .Values.metrics -}}
{{- $named := "" -}}
{{- if $metrics.podMonitor.enabled -}}
{{- $named = get (include "qga.podLabels" . | fromYaml) (include "qga.jobLabel" $metrics.podMonitor) -}}
{{- else if $metrics.serviceMonitor.enabled -}}
{{- $labels := include "qga.labels" (dict "root" . "labels" (include "qga.serviceLabels" . | fromYaml)) | fromYaml -}}
{{- $named = get $labels (include "qga.jobLabel" $metrics.serviceMonitor) -}}
{{- end -}}
{{- $own := default (printf "(%s/)?%s" (include "qga.namespace" .) (include "qga.fullname" .)) $named -}}
{{- default $own $metrics.prometheusRule.job -}}
{{- end -}}
