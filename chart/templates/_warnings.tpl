{{/*
What the cluster says against a working agent, as paragraphs for NOTES. Nothing where no cluster can be asked:
`helm template`, `--dry-run=client`, Argo CD.
*/}}
{{- define "qga.warnings" -}}
{{- $namespace := include "qga.namespace" . -}}
{{- if not (.Values.freeze.guard).enabled }}

WARNING: freeze.guard.enabled is false: an agent that is killed during a freeze leaves its node frozen for good, since
the container runtime waits for the frozen disk.
{{- end }}
{{- if not (or .Values.securityContext.privileged (include "qga.asksForDevice" .)) }}

WARNING: securityContext.privileged is false, and resources.limits asks for no device: the agent cannot open its port.
Let a device plugin hand it over (docs/unprivileged.md), or set securityContext.privileged to true.
{{- end }}
{{- if and .Values.image.tag .Values.image.digest }}

WARNING: image.tag is {{ .Values.image.tag }}, and the image is the one of image.digest, which a release of the chart has.
For the tag set image.digest to "".
{{- end }}
{{- with include "qga.openedCommands" . }}

WARNING: these commands are closed by default, and your values open them to the hypervisor: {{ . }}
{{- end }}
{{- if not .Values.lookup.enabled }}

lookup.enabled is false, so the cluster was not asked. See for yourself whether the namespace {{ $namespace }} admits
privileged pods (step 1)
{{- if eq .Values.talos.auth "serviceAccount" }}, and whether Talos gives credentials:
kubectl get serviceaccounts.talos.dev -n {{ $namespace }} -o yaml
{{- else if .Values.talos.existingSecret }}, and whether it has the Secret
{{ .Values.talos.existingSecret }} with the key {{ .Values.talos.secretKey }}.
{{- else }}.
{{- end }}
{{- else if include "qga.clusterAnswers" . -}}
{{- include "qga.warnNamespace" . -}}
{{- if and (eq .Values.talos.auth "serviceAccount") (not (.Capabilities.APIVersions.Has "talos.dev/v1alpha1")) }}

WARNING: the cluster does not know talos.dev/v1alpha1: pods have no access to the Talos API yet.
{{- if include "qga.talosServiceAccountIsRendered" . }} The
Talos ServiceAccount is rendered all the same, since talos.renderMode is alwaysRender.
{{- else }} No Talos
ServiceAccount was made, and Shutdown and Reboot will not work. Do step 2, then run `helm upgrade`.
{{- end }}
{{- end }}
{{- if and (eq .Values.talos.auth "serviceAccount") (.Capabilities.APIVersions.Has "talos.dev/v1alpha1") -}}
{{- with lookup "talos.dev/v1alpha1" "ServiceAccount" $namespace (include "qga.talosServiceAccountName" .) -}}
{{- with dig "status" "failureReason" "" . }}

WARNING: Talos refuses credentials to {{ include "qga.talosServiceAccountName" $ }}: {{ . }}
Correct step 2 (namespace and role), then look again: kubectl get tsa -n {{ $namespace }} -o yaml
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.talos.existingSecret -}}
{{- $secret := lookup "v1" "Secret" $namespace . -}}
{{- if not $secret }}

WARNING: there is no Secret {{ . }} in the namespace {{ $namespace }}. Shutdown and Reboot will not work until
there is one (step 2); the pods need no restart then.
{{- else if not (hasKey ($secret.data | default dict) $.Values.talos.secretKey) }}

WARNING: the Secret {{ . }} has no key {{ $.Values.talos.secretKey }}; it has {{ keys ($secret.data | default dict) | sortAlpha | join ", " | default "none" }}.
Set talos.secretKey to the key that holds the talosconfig.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether the agent's container has a resource that a device plugin gives: these have a domain in their names. */}}
{{- define "qga.asksForDevice" -}}
{{- range $name, $quantity := .Values.resources.limits | default dict }}{{ if contains "/" $name }}true{{ end }}{{ end -}}
{{- end -}}

{{- define "qga.warnNamespace" -}}
{{- $namespace := include "qga.namespace" . -}}
{{- $label := "pod-security.kubernetes.io/enforce" -}}
{{- $found := lookup "v1" "Namespace" "" $namespace -}}
{{- if and (ne $namespace "kube-system") (not .Values.namespace.create) -}}
{{- $level := include "qga.namespaceLevel" . -}}
{{- if and (ne $level "privileged") (not (include "qga.podsWereAdmitted" .)) }}

WARNING: the namespace {{ $namespace }} is
{{- if not $found }} new, and new ones are not labelled{{ else if $level }} labelled {{ $label }}={{ $level }}
{{- else }} not labelled {{ $label }}{{ end }}.
Talos enforces "baseline" then: the DaemonSet gets no pods, and only its events say why. Do step 1.
{{- end }}
{{- end }}
{{- end -}}
