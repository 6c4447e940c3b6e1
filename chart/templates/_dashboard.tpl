{{/*
The dashboard of this release, as JSON. Its identifier, which Grafana limits to 40 characters, and its title are not
those of another release; only that of the README has the plain title.
*/}}
{{- define "qga.dashboard" -}}
{{- $dashboard := .Files.Get "files/dashboards/qemu-guest-agent-talos.json" | fromJson -}}
{{- $release := printf "%s/%s" (include "qga.namespace" .) (include "qga.fullname" .) -}}
{{- $_ := set $dashboard "uid" (printf "qga-%s" ($release | sha256sum | trunc 32)) -}}
{{- if ne $release "qemu-guest-agent/qemu-guest-agent-talos" -}}
{{- $_ := set $dashboard "title" (printf "%s (%s)" $dashboard.title $release) -}}
{{- end -}}
{{- with .Values.metrics.prometheusRule.runbookUrl -}}
{{- $_ := set $dashboard "links" (list (include "qga.dashboardLink" (dict "title" "Alerts" "url" .) | fromJson)) -}}
{{- $alerts := $.Files.Get "files/panel-alerts.yaml" | fromYaml -}}
{{- range $panel := $dashboard.panels -}}
{{- with get $alerts $panel.title -}}
{{- $url := printf "%s#%s" $.Values.metrics.prometheusRule.runbookUrl (lower .) -}}
{{- $_ := set $panel "links" (list (include "qga.dashboardLink" (dict "title" "What to do" "url" $url) | fromJson)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toPrettyJson $dashboard -}}
{{- end -}}

{{/* A link of a dashboard or panel, as JSON. Takes a dict: title, url. */}}
{{- define "qga.dashboardLink" -}}
{{- $always := dict "type" "link" "icon" "doc" "tooltip" "" "tags" list "asDropdown" false "targetBlank" true "includeVars" false "keepTime" false -}}
{{- merge . $always | toJson -}}
{{- end -}}
