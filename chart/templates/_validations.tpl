{{/*
Contradictions between values, which the schema cannot see. Each message names the values and says what to
set. `templates/validations.yaml` runs them all.
*/}}
{{- define "qga.validations" -}}
{{- include "qga.validateFormats" . -}}
{{- include "qga.validateGone" . -}}
{{- include "qga.validateTalos" . -}}
{{- include "qga.validateConfig" . -}}
{{- include "qga.validateCommands" . -}}
{{- include "qga.validatePull" . -}}
{{- include "qga.validatePod" . -}}
{{- include "qga.validateMetrics" . -}}
{{- include "qga.validateNamespace" . -}}
{{- end -}}

{{/* Texts that look like nothing of their kind. */}}
{{- define "qga.validateFormats" -}}
{{- $formats := .Files.Get "files/formats.yaml" | fromYaml -}}
{{- $formatted := .Files.Get "files/formatted.yaml" | fromYaml -}}
{{- include "qga.validateFormat" (dict "value" .Values "formatted" $formatted "formats" $formats "path" list) -}}
{{- end -}}

{{/* The same for a value and what is in it. Takes a dict: value, formatted, formats, path. */}}
{{- define "qga.validateFormat" -}}
{{- $members := dict -}}
{{- if kindIs "map" .value -}}
  {{- $members = .value -}}
{{- else if kindIs "slice" .value -}}
  {{- range $index, $element := .value }}{{ $_ := set $members (toString $index) $element }}{{ end -}}
{{- else if and (kindIs "string" .value) (hasKey .formatted "") -}}
  {{- $format := get .formats (get .formatted "") -}}
  {{- if not (regexMatch $format.pattern .value) -}}
    {{- fail (printf "%s is %q: set %s." (join "." .path) .value $format.wanted) -}}
  {{- end -}}
{{- end -}}
{{- range $name, $member := $members -}}
  {{- with get $.formatted (hasKey $.formatted $name | ternary $name "*") -}}
    {{- include "qga.validateFormat" (dict "value" $member "formatted" . "formats" $.formats "path" (append $.path $name)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Values of older charts. Empty they pass: `--reuse-values` brings the older chart's defaults along. */}}
{{- define "qga.validateGone" -}}
{{- with .Values.metrics.prometheusRule.disabledAlerts -}}
  {{- $alert := first . | toString -}}
  {{- fail (printf "metrics.prometheusRule.disabledAlerts has %s, and is gone: set metrics.prometheusRule.rules.%s.enabled to false in its place, and take disabledAlerts out of your values." $alert (trimPrefix "QemuGuestAgent" $alert | untitle)) -}}
{{- end -}}
{{- end -}}

{{- define "qga.validateTalos" -}}
{{- $talos := .Values.talos -}}
{{- if eq $talos.auth "secret" -}}
  {{- if and $talos.existingSecret $talos.talosconfig -}}
    {{- fail "talos.existingSecret and talos.talosconfig are both set: set one of them, and leave the other empty." -}}
  {{- end -}}
  {{- if not (or $talos.existingSecret $talos.talosconfig) -}}
    {{- fail "talos.auth is secret, and there is no Secret: set talos.existingSecret to the name of one whose key talos.secretKey holds a talosconfig, or give the file by --set-file talos.talosconfig=FILE." -}}
  {{- end -}}
  {{- if eq $talos.existingSecret (include "qga.talosServiceAccountName" .) -}}
    {{- fail (printf "talos.existingSecret is %s, the Secret that Talos makes for this release with talos.auth=serviceAccount, and deletes again: set talos.auth to serviceAccount, or give your Secret another name." $talos.existingSecret) -}}
  {{- end -}}
{{- else -}}
  {{- range $name := list "existingSecret" "talosconfig" -}}
    {{- if get $talos $name -}}
      {{- fail (printf "talos.%s is set, and talos.auth is %s: set talos.auth to secret, or leave talos.%s empty." $name $talos.auth $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- if and (eq $talos.auth "none") $talos.context -}}
  {{- fail "talos.context is set, and talos.auth is none: leave talos.context empty, or set talos.auth to secret." -}}
{{- end -}}
{{- if and (eq $talos.auth "serviceAccount") (eq $talos.renderMode "failIfMissing") (include "qga.serverIsKnown" .) (not (.Capabilities.APIVersions.Has "talos.dev/v1alpha1")) -}}
  {{- fail (printf "talos.renderMode is failIfMissing, and the cluster does not know talos.dev/v1alpha1: allow access to the Talos API from the namespace %s in the machine configuration (README, \"Access to the Talos API\"), or set talos.auth to secret." (include "qga.namespace" .)) -}}
{{- end -}}
{{- end -}}

{{/* Options that other values own: the pod's mounts and probes depend on them. */}}
{{- define "qga.validateConfig" -}}
{{- $owners := dict
  "listen-address" "metrics.enabled, metrics.address and metrics.port"
  "statedir" "stateDirectory"
  "talosconfig" "talos.auth"
  "kubernetes-events" "events.enabled"
-}}
{{- range $option, $owner := $owners -}}
  {{- if hasKey $.Values.config $option -}}
    {{- fail (printf "config.%s: the chart sets this option by itself: set %s instead." $option $owner) -}}
  {{- end -}}
{{- end -}}
{{- $unfit := include "qga.unfitOptions" . | fromYaml -}}
{{- range $option, $reason := $unfit -}}
  {{- if get $.Values.config $option -}}
    {{- fail (printf "config.%s: %s." $option $reason) -}}
  {{- end -}}
{{- end -}}
{{- $elsewhere := merge (dict
  "fsfreeze-timeout" "freeze.timeout"
  "talos-endpoint" "config.talos-endpoint"
  "config" "config"
) $owners -}}
{{- range $option, $value := $elsewhere -}}
  {{- $_ := set $unfit $option (printf "the rest of the pod depends on this option: set %s instead" $value) -}}
{{- end -}}
{{- include "qga.validateExtra" (dict "values" .Values "unfit" $unfit) -}}
{{- if and (eq .Values.talos.auth "none") (hasKey .Values.config "talos-context") -}}
  {{- fail "config.talos-context is set, and talos.auth is none: set talos.auth to secret, or leave the option out." -}}
{{- end -}}
{{- end -}}

{{/* Options with which the container ends or says nothing, and why. */}}
{{- define "qga.unfitOptions" -}}
daemonize: "the container would end at once: leave it out"
pidfile: "nothing in the pod reads it, and its file system is read-only: leave it out"
logfile: "the pod's log would be empty, and its file system is read-only: leave it out, and read `kubectl logs`"
talos-socket: "Talos lets no pod use its socket: set talos.auth instead"
{{- end -}}

{{/* The same options by another way. Takes a dict: values, and unfit, which has the reason for each option. */}}
{{- define "qga.validateExtra" -}}
{{- $unfit := .unfit -}}
{{- $short := dict "t" "statedir" "d" "daemonize" "f" "pidfile" "l" "logfile" "c" "config" -}}
{{- range $argument := .values.extraArgs -}}
  {{- $option := regexFind "^--[a-z-]+" $argument | trimPrefix "--" -}}
  {{- if and (not $option) (hasPrefix "-" $argument) -}}
    {{- $option = get $short (substr 1 2 $argument) -}}
  {{- end -}}
  {{- with get $unfit $option -}}
    {{- fail (printf "extraArgs: %s: %s." $argument .) -}}
  {{- end -}}
{{- end -}}
{{- range $variable := .values.extraEnv -}}
  {{- if hasPrefix "QGA_" $variable.name -}}
    {{- with get $unfit ($variable.name | trimPrefix "QGA_" | lower | replace "_" "-") -}}
      {{- fail (printf "extraEnv: %s: %s." $variable.name .) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* A block list takes the place of the default: who closes one more by it opens others. */}}
{{- define "qga.validateCommands" -}}
{{- $opened := include "qga.openedCommands" . -}}
{{- if and .Values.commands.block $opened (not .Values.commands.allow) -}}
  {{- fail (printf "commands.block takes the place of the default, so that these would be open: %s. Use commands.disable to close more, and commands.enable to open some." $opened) -}}
{{- end -}}
{{- end -}}

{{- define "qga.validatePull" -}}
{{- $first := splitList "/" .Values.image.repository | first -}}
{{- if and (contains ":" $first) (include "qga.registry" .) -}}
  {{- fail (printf "image.repository begins with the registry %s, and the registry is %s already: set image.registry to %s and take it off image.repository, or set image.registry to an empty text." $first (include "qga.registry" .) $first) -}}
{{- end -}}
{{- $credentials := .Values.imageCredentials -}}
{{- if $credentials.create -}}
  {{- if not (and $credentials.username $credentials.password) -}}
    {{- fail "imageCredentials.create is true: set imageCredentials.username and imageCredentials.password, or name a pull secret that exists in imagePullSecrets." -}}
  {{- end -}}
  {{- if not (or $credentials.registry (include "qga.registry" .)) -}}
    {{- fail "imageCredentials.create is true, and no registry is known: set imageCredentials.registry or image.registry." -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes a dict: name of the value, resources. */}}
{{- define "qga.validateResources" -}}
{{- $name := .name -}}
{{- $limits := .resources.limits | default dict -}}
{{- range $kind, $request := .resources.requests | default dict -}}
  {{- if and (hasKey $limits $kind) (gt (include "qga.quantity" $request | float64) (include "qga.quantity" (get $limits $kind) | float64)) -}}
    {{- fail (printf "%s.requests.%s is %s, which is more than %s.limits.%s, %s: Kubernetes refuses that. Set a request that is not larger." $name $kind (include "qga.text" $request) $name $kind (include "qga.text" (get $limits $kind))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Mounts of volumes that the pod does not have. */}}
{{- define "qga.validateMounts" -}}
{{- $volumes := list -}}
{{- range include "qga.volumes" . | fromYamlArray }}{{ $volumes = append $volumes .name }}{{ end -}}
{{- $mounts := dict "extraVolumeMounts" .Values.extraVolumeMounts -}}
{{- range $list := list "initContainers" "sidecars" -}}
  {{- range $index, $container := get $.Values $list -}}
    {{- $_ := set $mounts (printf "%s.%d.volumeMounts" $list $index) ($container.volumeMounts | default list) -}}
  {{- end -}}
{{- end -}}
{{- range $where, $list := $mounts -}}
  {{- range $list -}}
    {{- if not (or (has .name $volumes) (contains "{{" .name)) -}}
      {{- fail (printf "%s: the pod has no volume %s: add it to extraVolumes, or mount one of %s." $where .name (join ", " $volumes)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Fields that the chart sets, and the value that says how; empty where none does. */}}
{{- define "qga.validateExtraPodSpec" -}}
{{- $owned := dict
  "automountServiceAccountToken" "events.enabled"
  "containers" "sidecars"
  "enableServiceLinks" ""
  "restartPolicy" ""
  "securityContext" "podSecurityContext"
  "serviceAccountName" "serviceAccount.name"
  "volumes" "extraVolumes"
-}}
{{- range $name := list "affinity" "dnsConfig" "dnsPolicy" "hostNetwork" "imagePullSecrets" "initContainers" "nodeSelector" "priorityClassName" "runtimeClassName" "terminationGracePeriodSeconds" "tolerations" -}}
  {{- $_ := set $owned $name $name -}}
{{- end -}}
{{- range $name, $value := .Values.extraPodSpec -}}
  {{- if hasKey $owned $name -}}
    {{- $instead := get $owned $name -}}
    {{- fail (printf "extraPodSpec.%s: the chart sets this field by itself: leave it out%s." $name (empty $instead | ternary "" (printf ", and set %s instead" $instead))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "qga.validatePod" -}}
{{- include "qga.validateExtraPodSpec" . -}}
{{- include "qga.validateMounts" . -}}
{{- include "qga.validateResources" (dict "name" "resources" "resources" .Values.resources) -}}
{{- with .Values.freeze.guard.resources -}}
{{- include "qga.validateResources" (dict "name" "freeze.guard.resources" "resources" .) -}}
{{- end -}}
{{- if and .Values.securityContext.privileged (hasKey .Values.securityContext "allowPrivilegeEscalation") (not .Values.securityContext.allowPrivilegeEscalation) -}}
  {{- fail "securityContext.allowPrivilegeEscalation is false, and securityContext.privileged is true: Kubernetes refuses that. Leave securityContext.allowPrivilegeEscalation out." -}}
{{- end -}}
{{- $frozen := include "qga.freezeSeconds" . | int -}}
{{- if eq $frozen 0 -}}
  {{- fail "freeze.timeout is 0, so that nothing thaws a node whose backup has died: set a time that is longer than your backups need, such as 10m." -}}
{{- end -}}
{{- $liveness := include "qga.livenessProbe" . | fromYaml -}}
{{- $patience := mul ($liveness.periodSeconds | int) ($liveness.failureThreshold | int) | int -}}
{{- if and $liveness (le $patience $frozen) -}}
  {{- fail (printf "livenessProbe.periodSeconds times livenessProbe.failureThreshold is %d s, and freeze.timeout is %d s: a pod that is killed while its node is frozen cannot be replaced. Set livenessProbe.failureThreshold higher, or freeze.timeout lower." $patience $frozen) -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not (.Values.dnsConfig | default dict).nameservers) -}}
  {{- fail "dnsPolicy is None, and dnsConfig.nameservers is empty: Kubernetes refuses that. Set dnsConfig.nameservers, or leave dnsPolicy empty." -}}
{{- end -}}
{{- range $name, $value := .Values.podLabels -}}
  {{- if has $name (list "app.kubernetes.io/name" "app.kubernetes.io/instance") -}}
    {{- fail (printf "podLabels.%s: the DaemonSet finds its pods by this label: leave it out, or set nameOverride." $name) -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.events.enabled (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
  {{- fail "events.enabled is true, and serviceAccount.create is false: set serviceAccount.name, so that not every pod of the namespace gets the rights to send Events." -}}
{{- end -}}
{{- end -}}

{{- define "qga.validateMetrics" -}}
{{- $metrics := .Values.metrics -}}
{{- range $name := list "podMonitor" "serviceMonitor" "prometheusRule" -}}
  {{- $monitor := get $metrics $name -}}
  {{- if and $monitor.enabled (eq $monitor.renderMode "failIfMissing") (not ($.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
    {{- fail (printf "metrics.%s.renderMode is failIfMissing, and the cluster does not know monitoring.coreos.com/v1: install the Prometheus operator, or set metrics.%s.enabled to false." $name $name) -}}
  {{- end -}}
  {{- if and $monitor.enabled (ne $name "prometheusRule") -}}
    {{- if and $monitor.interval $monitor.scrapeTimeout (gt (include "qga.seconds" $monitor.scrapeTimeout | int) (include "qga.seconds" $monitor.interval | int)) -}}
      {{- fail (printf "metrics.%s.scrapeTimeout is %s, and metrics.%s.interval is %s: Prometheus refuses that. Set a scrapeTimeout that is not longer." $name $monitor.scrapeTimeout $name $monitor.interval) -}}
    {{- end -}}
    {{- if not $metrics.enabled -}}
      {{- fail (printf "metrics.%s.enabled is true, and metrics.enabled is false: set metrics.enabled to true, or metrics.%s.enabled to false." $name $name) -}}
    {{- end -}}
    {{- if has $metrics.address (list "127.0.0.1" "::1") -}}
      {{- fail (printf "metrics.%s.enabled is true, and metrics.address is %s, where only the node itself can ask: leave metrics.address empty, or set metrics.%s.enabled to false." $name $metrics.address $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $operator := $metrics.dashboard.grafanaOperator -}}
{{- if and $operator.enabled (eq $operator.renderMode "failIfMissing") (not ($.Capabilities.APIVersions.Has "grafana.integreatly.org/v1beta1")) -}}
  {{- fail "metrics.dashboard.grafanaOperator.renderMode is failIfMissing, and the cluster does not know grafana.integreatly.org/v1beta1: install the Grafana operator, or set metrics.dashboard.grafanaOperator.enabled to false." -}}
{{- end -}}
{{- if and $metrics.podMonitor.enabled $metrics.serviceMonitor.enabled -}}
  {{- fail "metrics.podMonitor.enabled and metrics.serviceMonitor.enabled are both true, so that all would be scraped twice: set one of them to false." -}}
{{- end -}}
{{- if and $metrics.serviceMonitor.enabled (not $metrics.service.enabled) -}}
  {{- fail "metrics.serviceMonitor.enabled is true, and metrics.service.enabled is false: set metrics.service.enabled to true, or use metrics.podMonitor.enabled." -}}
{{- end -}}
{{- if and (not .Values.hostNetwork) (has $metrics.address (list "127.0.0.1" "::1" "nodeIP")) -}}
  {{- fail (printf "metrics.address is %s, and hostNetwork is false: kubelet's probes cannot get there. Leave metrics.address empty." $metrics.address) -}}
{{- end -}}
{{- end -}}

{{/* Only where the cluster can be asked. */}}
{{- define "qga.validateNamespace" -}}
{{- if and .Values.namespace.create .Values.lookup.enabled -}}
  {{- $name := include "qga.namespace" . -}}
  {{- with lookup "v1" "Namespace" "" $name -}}
    {{- if ne (dig "annotations" "meta.helm.sh/release-name" "" .metadata) $.Release.Name -}}
      {{- fail (printf "namespace.create is true, and the namespace %s exists already: set namespace.create to false and label it: kubectl label namespace %s pod-security.kubernetes.io/enforce=privileged" $name $name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
