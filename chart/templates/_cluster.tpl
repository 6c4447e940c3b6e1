{{/* What is known of the cluster: by its API versions, and by look-ups where these work. */}}

{{/*
Whether the API versions are those of a server, and not the ones that Helm takes where it asks none:
every API server has the aggregation API, and Helm's own list does not.
*/}}
{{- define "qga.serverIsKnown" -}}
{{- if .Capabilities.APIVersions.Has "apiregistration.k8s.io/v1" }}true{{ end -}}
{{- end -}}

{{/*
Whether look-ups are answered. They are not by `helm template` and `--dry-run=client`, nor in Argo CD, which has the
cluster's API versions all the same. Whoever may deploy may at least read the namespace that there is; where it is
not there yet, whoever may create it may read another.
*/}}
{{- define "qga.clusterAnswers" -}}
{{- if .Values.lookup.enabled -}}
{{- if or (lookup "v1" "Namespace" "" (include "qga.namespace" .)) (lookup "v1" "Namespace" "" "default") }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/*
Whether the Talos ServiceAccount is rendered. It is left out only where Helm itself installs and NOTES say so:
Argo CD shows none, and the object would vanish in silence.
*/}}
{{- define "qga.talosServiceAccountIsRendered" -}}
{{- if eq .Values.talos.auth "serviceAccount" -}}
{{- $missing := not (.Capabilities.APIVersions.Has "talos.dev/v1alpha1") -}}
{{- if not (and $missing (eq .Values.talos.renderMode "skipIfMissing") (include "qga.clusterAnswers" .)) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* The PodSecurity level that the namespace is labelled with; empty for none, or where none can be asked for. */}}
{{- define "qga.namespaceLevel" -}}
{{- if .Values.lookup.enabled -}}
{{- lookup "v1" "Namespace" "" (include "qga.namespace" .) | dig "metadata" "labels" "pod-security.kubernetes.io/enforce" "" -}}
{{- end -}}
{{- end -}}

{{/*
Whether pods of this release were let in: the namespace is exempt from PodSecurity then, by the machine
configuration, which nothing else shows.
*/}}
{{- define "qga.podsWereAdmitted" -}}
{{- if .Values.lookup.enabled -}}
{{- $daemonSet := lookup "apps/v1" "DaemonSet" (include "qga.namespace" .) (include "qga.fullname" .) -}}
{{- if gt (dig "status" "currentNumberScheduled" 0 $daemonSet | int) 0 }}true{{ end -}}
{{- end -}}
{{- end -}}
