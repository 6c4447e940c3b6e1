{{/*
Fills in for empty keys, which Helm has deleted, and for keys that came after the release whose values are reused:
lists, and maps whose keys are the user's, are empty, all else is as in values.yaml. Every template begins with it.
*/}}
{{- define "qga.fillEmpty" -}}
{{- $defaults := .Files.Get "files/defaults.yaml" | fromYaml -}}
{{- include "qga.fill" (dict "values" .Values "empty" $defaults.empty "whole" $defaults.whole) -}}
{{- end -}}

{{- define "qga.fill" -}}
{{- $values := .values -}}
{{- $whole := .whole -}}
{{- range $name, $empty := .empty -}}
{{- if or (not (hasKey $values $name)) (kindIs "invalid" (get $values $name)) -}}
{{- $_ := set $values $name (and (kindIs "map" $empty) (not (empty $empty)) | ternary (get $whole $name) $empty) -}}
{{- else if and (kindIs "map" $empty) (kindIs "map" (get $values $name)) -}}
{{- include "qga.fill" (dict "values" (get $values $name) "empty" $empty "whole" (get $whole $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes empty keys out of maps within a list, where Helm leaves them. Takes the list. */}}
{{- define "qga.dropEmpty" -}}
{{- $parent := . -}}
{{- range $name, $value := . -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset $parent $name -}}
{{- else if or (kindIs "map" $value) (kindIs "slice" $value) }}{{ include "qga.dropEmpty" $value }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* Name of the chart. */}}
{{- define "qga.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 48 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the objects: short enough for the suffixes that some of them have. */}}
{{- define "qga.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- /* Helm lets a release have dots in its name, and a Service cannot have any. */}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- if contains $name $release -}}
{{- $release | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $release $name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Namespace of the objects. */}}
{{- define "qga.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* What never changes, since the DaemonSet's selector cannot. */}}
{{- define "qga.selectorLabels" -}}
app.kubernetes.io/name: {{ include "qga.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/*
Labels of an object: `commonLabels`, over them the object's own, and over these what the chart says. Takes a dict:
root, labels.
*/}}
{{- define "qga.labels" -}}
{{- $chart := .root.Chart -}}
{{- $own := include "qga.selectorLabels" .root | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" $chart.Name $chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $own "app.kubernetes.io/version" $chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- include "qga.texts" (mergeOverwrite (deepCopy .root.Values.commonLabels) (.labels | default dict) $own) -}}
{{- end -}}

{{/* Labels of the pods. Without the chart's version: a new chart alone restarts nothing. */}}
{{- define "qga.podLabels" -}}
{{- $own := include "qga.selectorLabels" . | fromYaml -}}
{{- include "qga.texts" (mergeOverwrite (deepCopy .Values.commonLabels) .Values.podLabels $own) -}}
{{- end -}}

{{/* The Service's own labels, besides those of all objects. */}}
{{- define "qga.serviceLabels" -}}
{{- include "qga.texts" (mergeOverwrite (deepCopy .Values.metrics.service.labels) (dict "app.kubernetes.io/component" "metrics")) -}}
{{- end -}}

{{/* A map of texts: an unquoted `true` would be no text to the API server. */}}
{{- define "qga.texts" -}}
{{- range $key, $value := . }}
{{ $key }}: {{ include "qga.text" $value | quote }}
{{- end -}}
{{- end -}}

{{/* A value as text: a whole number as it was written. Helm has it as a float, which would become 2.02601e+13. */}}
{{- define "qga.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ printf "%.0f" . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{/*
Metadata of an object. Takes a dict: root, name, and where needed suffix, labels, annotations, namespace
("" for an object without one).
*/}}
{{- define "qga.metadata" -}}
{{- $namespace := include "qga.namespace" .root -}}
{{- if hasKey . "namespace" }}{{ $namespace = .namespace }}{{ end -}}
name: {{ .name | quote }}
{{- with $namespace }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- include "qga.labels" (dict "root" .root "labels" .labels) | trim | nindent 2 }}
{{- with mergeOverwrite (deepCopy .root.Values.commonAnnotations) (.annotations | default dict) }}
annotations:
  {{- include "qga.texts" . | trim | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "qga.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "qga.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The one of all charts may be written in ways that others of them take. */}}
{{- define "qga.registry" -}}
{{- $global := (.Values.global | default dict).imageRegistry | default "" -}}
{{- $global | trimPrefix "https://" | trimPrefix "http://" | trimSuffix "/" | default .Values.image.registry -}}
{{- end -}}

{{- define "qga.image" -}}
{{- $image := .Values.image -}}
{{- $registry := include "qga.registry" . -}}
{{- if $registry }}{{ $registry }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default .Chart.AppVersion $image.tag }}{{ end -}}
{{- end -}}

{{- define "qga.pullSecretName" -}}
{{- default (printf "%s-registry" (include "qga.fullname" .)) .Values.imageCredentials.name -}}
{{- end -}}

{{/* All pull secrets, each once, as a list of maps. */}}
{{- define "qga.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat ((.Values.global | default dict).imagePullSecrets | default list) .Values.imagePullSecrets -}}
{{- $names = append $names (kindIs "map" . | ternary (get (kindIs "map" . | ternary . dict) "name") .) -}}
{{- end -}}
{{- if .Values.imageCredentials.create -}}
{{- $names = append $names (include "qga.pullSecretName" .) -}}
{{- end -}}
{{- range uniq $names }}
- name: {{ . | quote }}
{{- end -}}
{{- end -}}

{{/* Name of the Talos ServiceAccount, and of the Secret that Talos makes for it: never rendered here. */}}
{{- define "qga.talosServiceAccountName" -}}
{{- printf "%s-talos-secrets" (include "qga.fullname" .) -}}
{{- end -}}

{{/* Name of the Secret that the chart makes of `talos.talosconfig`. */}}
{{- define "qga.talosconfigName" -}}
{{- printf "%s-talosconfig" (include "qga.fullname" .) -}}
{{- end -}}

{{/* Name of the Secret with the credentials; empty for none. */}}
{{- define "qga.credentialsName" -}}
{{- if eq .Values.talos.auth "serviceAccount" -}}
{{- include "qga.talosServiceAccountName" . -}}
{{- else if eq .Values.talos.auth "secret" -}}
{{- default (include "qga.talosconfigName" .) .Values.talos.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* The key of that Secret. */}}
{{- define "qga.credentialsKey" -}}
{{- if .Values.talos.existingSecret }}{{ .Values.talos.secretKey }}{{ else }}config{{ end -}}
{{- end -}}

{{/* Whether an object that an operator takes is rendered. Takes a dict: root, values, and the API's version. */}}
{{- define "qga.operatorsIsRendered" -}}
{{- if .values.enabled -}}
{{- $known := .root.Capabilities.APIVersions.Has .version -}}
{{- if or $known (ne .values.renderMode "skipIfMissing") }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The same for an object of the Prometheus operator. Takes a dict: root, values. */}}
{{- define "qga.monitorIsRendered" -}}
{{- include "qga.operatorsIsRendered" (dict "root" .root "values" .values "version" "monitoring.coreos.com/v1") -}}
{{- end -}}

{{/* Address that the agent's HTTP port is bound to; empty for all of a pod's, nodeIP for what only the pod knows. */}}
{{- define "qga.listenHost" -}}
{{- if .Values.metrics.enabled -}}
{{- default (.Values.hostNetwork | ternary "nodeIP" "") .Values.metrics.address -}}
{{- else if .Values.hostNetwork -}}
127.0.0.1
{{- end -}}
{{- end -}}

{{/* Where kubelet asks; empty for the pod's address. */}}
{{- define "qga.probeHost" -}}
{{- $host := include "qga.listenHost" . -}}
{{- if not (has $host (list "" "0.0.0.0" "::" "nodeIP")) }}{{ $host }}{{ end -}}
{{- end -}}

{{/* Whether others than the node itself can ask there, by an address of the node. */}}
{{- define "qga.nodeServesOthers" -}}
{{- $host := include "qga.listenHost" . -}}
{{- if and .Values.hostNetwork (ne $host "::1") (not (hasPrefix "127." $host)) }}true{{ end -}}
{{- end -}}

{{/* HOST:PORT for the agent. NODE_IP is a variable of the pod, and in brackets it may be of either family. */}}
{{- define "qga.listenAddress" -}}
{{- $host := include "qga.listenHost" . -}}
{{- if eq $host "nodeIP" }}[$(NODE_IP)]
{{- else if contains ":" $host }}[{{ $host }}]{{ else }}{{ $host }}{{ end -}}
:{{ .Values.metrics.port | int }}
{{- end -}}

{{/* The directories in the container. */}}
{{- define "qga.configDirectory" -}}/etc/qemu-guest-agent-talos{{- end -}}
{{- define "qga.credentialsDirectory" -}}/var/run/secrets/talos.dev{{- end -}}
{{- define "qga.stateDirectory" -}}/run/qemu-guest-agent-talos{{- end -}}

{{/* The agent's configuration file: the typed values, and `config` over them. */}}
{{- define "qga.config" -}}
{{- $config := dict
  "statedir" (include "qga.stateDirectory" .)
  "log-format" .Values.log.format
  "log-level" .Values.log.level
  "kubernetes-events" .Values.events.enabled
  "drain-timeout" (.Values.talos.drainTimeout | toString)
  "reboot-mode" .Values.talos.rebootMode
  "fsfreeze-timeout" (.Values.freeze.timeout | toString)
  "fsfreeze-allow-empty" .Values.freeze.allowEmpty
-}}
{{- if ne (include "qga.listenHost" .) "nodeIP" -}}
{{- $_ := set $config "listen-address" (include "qga.listenAddress" .) -}}
{{- end -}}
{{- if ne .Values.talos.auth "none" -}}
{{- $_ := set $config "talosconfig" (include "qga.credentialsDirectory" .) -}}
{{- with .Values.talos.context }}{{ $_ := set $config "talos-context" . }}{{ end -}}
{{- end -}}
{{- with .Values.freeze.include }}{{ $_ := set $config "fsfreeze-include" . }}{{ end -}}
{{- with .Values.freeze.exclude }}{{ $_ := set $config "fsfreeze-exclude" . }}{{ end -}}
{{- with .Values.interfaces.include }}{{ $_ := set $config "interfaces-include" . }}{{ end -}}
{{- with .Values.commands.enable }}{{ $_ := set $config "enable-commands" . }}{{ end -}}
{{- with .Values.commands.disable }}{{ $_ := set $config "disable-commands" . }}{{ end -}}
{{- with .Values.commands.allow }}{{ $_ := set $config "allow-rpcs" . }}{{ end -}}
{{- if not (kindIs "invalid" .Values.interfaces.exclude) }}{{ $_ := set $config "interfaces-exclude" .Values.interfaces.exclude }}{{ end -}}
{{- if not (kindIs "invalid" .Values.commands.block) }}{{ $_ := set $config "block-rpcs" .Values.commands.block }}{{ end -}}
{{- if not (kindIs "invalid" .Values.readiness) }}{{ $_ := set $config "readiness" .Values.readiness }}{{ end -}}
{{- toYaml (mergeOverwrite $config (deepCopy .Values.config)) -}}
{{- end -}}

{{/* Seconds of a time as the agent or Prometheus reads it: 500ms, 20s, 1m30s, 1d; a number without unit is in seconds. */}}
{{- define "qga.seconds" -}}
{{- $seconds := 0.0 -}}
{{- range $part := regexFindAll "[0-9.]+(ms|s|m|h|d|w|y)?" (. | toString) -1 -}}
{{- $number := regexFind "^[0-9.]+" $part | float64 -}}
{{- if hasSuffix "ms" $part }}{{ $number = divf $number 1000 }}
{{- else if hasSuffix "h" $part }}{{ $number = mulf $number 3600 }}
{{- else if hasSuffix "m" $part }}{{ $number = mulf $number 60 }}
{{- else if hasSuffix "d" $part }}{{ $number = mulf $number 86400 }}
{{- else if hasSuffix "w" $part }}{{ $number = mulf $number 604800 }}
{{- else if hasSuffix "y" $part }}{{ $number = mulf $number 31536000 }}
{{- end -}}
{{- $seconds = addf $seconds $number -}}
{{- end -}}
{{- ceil $seconds | int -}}
{{- end -}}

{{/* A quantity as Kubernetes reads it, as a number: 10m, 64Mi, 1e3. */}}
{{- define "qga.quantity" -}}
{{- $text := include "qga.text" . -}}
{{- $factors := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $unit := regexFind "([KMGTPE]i|[numkMGTPE])$" $text -}}
{{- mulf (trimSuffix $unit $text | float64) (get $factors $unit) -}}
{{- end -}}
