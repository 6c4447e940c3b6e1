{{/* Environment of the agent: what only the node's own pod knows. */}}
{{- define "qga.environment" -}}
{{- if and (ne .Values.talos.auth "none") (not (hasKey .Values.config "talos-endpoint")) }}
# The node's own address: a certificate is good for every node, and the wrong one must not go down.
- name: QGA_TALOS_ENDPOINT
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
{{- end }}
{{- if eq (include "qga.listenHost" .) "nodeIP" }}
- name: NODE_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
- name: QGA_LISTEN_ADDRESS
  value: {{ include "qga.listenAddress" . | quote }}
{{- end }}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Mounts of the agent. */}}
{{- define "qga.volumeMounts" -}}
- name: config
  mountPath: {{ include "qga.configDirectory" . }}
  readOnly: true
{{- if include "qga.credentialsName" . }}
# The whole Secret: a mount by subPath would never show renewed credentials.
- name: talos-secrets
  mountPath: {{ include "qga.credentialsDirectory" . }}
  readOnly: true
{{- end }}
- name: state
  mountPath: {{ include "qga.stateDirectory" . }}
- name: proc
  mountPath: /host/proc
  readOnly: true
# Writable: guest-set-vcpus, guest-set-memory-blocks and guest-suspend-* write here.
- name: sys
  mountPath: /host/sys
# Beside the container's own /dev, which kubelet and the runtime need. A device can be written all the same.
- name: dev
  mountPath: /host/dev
  mountPropagation: HostToContainer
  readOnly: true
# Also what is mounted on the node later. Read-only is the root file system itself, not what is mounted in it.
- name: root
  mountPath: /host/root
  mountPropagation: HostToContainer
  readOnly: true
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The guard: an ordinary container and no native sidecar, which Kubernetes has by default from 1.29 only, and which
would be started before the agent. When the pod is deleted both are told to end at once; the guard stays until the
agent has thawed.
*/}}
{{- define "qga.guardContainer" -}}
image: {{ include "qga.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - guard
  - --config
  - {{ include "qga.configDirectory" . }}/qga.yaml
{{- with .Values.freeze.guard.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.freeze.guard.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: config
    mountPath: {{ include "qga.configDirectory" . }}
    readOnly: true
  - name: state
    mountPath: {{ include "qga.stateDirectory" . }}
  # What the agent has frozen, also what was mounted on the node since.
  - name: root
    mountPath: /host/root
    mountPropagation: HostToContainer
    readOnly: true
{{- end -}}

{{/* Volumes of the pod. */}}
{{- define "qga.volumes" -}}
- name: config
  configMap:
    name: {{ include "qga.fullname" . | quote }}
{{- with include "qga.credentialsName" . }}
- name: talos-secrets
  secret:
    secretName: {{ . | quote }}
    # The pod starts without it, and says in its log and at /readyz that it waits; kubelet adds it later.
    optional: true
    defaultMode: 0400
    items:
      - key: {{ include "qga.credentialsKey" $ }}
        path: config
{{- end }}
# On the node, so that the next pod thaws what a killed one left frozen.
- name: state
  hostPath:
    path: {{ .Values.stateDirectory | quote }}
    type: DirectoryOrCreate
- name: proc
  hostPath:
    path: /proc
- name: sys
  hostPath:
    path: /sys
- name: dev
  hostPath:
    path: /dev
- name: root
  hostPath:
    path: /
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Affinity of the pods: `affinity`, and in each of its terms that neither this agent's own extension is there nor the
official one.
*/}}
{{- define "qga.affinity" -}}
{{- $affinity := deepCopy .Values.affinity -}}
{{- if .Values.avoidExtension -}}
  {{- $absent := list -}}
  {{- range list "qemu-guest-agent" "qemu-guest-agent-talos" -}}
    {{- $absent = append $absent (dict "key" (printf "extensions.talos.dev/%s" .) "operator" "DoesNotExist") -}}
  {{- end -}}
  {{- $terms := list -}}
  {{- range dig "nodeAffinity" "requiredDuringSchedulingIgnoredDuringExecution" "nodeSelectorTerms" list $affinity -}}
    {{- $terms = append $terms (merge (dict "matchExpressions" (concat (.matchExpressions | default list) $absent)) .) -}}
  {{- end -}}
  {{- $terms = $terms | default (list (dict "matchExpressions" $absent)) -}}
  {{- $required := dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
  {{- $affinity = mergeOverwrite $affinity (dict "nodeAffinity" $required) -}}
{{- end -}}
{{- with $affinity }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* How long a freeze lasts at most, in seconds. */}}
{{- define "qga.freezeSeconds" -}}
{{- include "qga.seconds" (hasKey .Values.config "fsfreeze-timeout" | ternary (get .Values.config "fsfreeze-timeout") .Values.freeze.timeout) -}}
{{- end -}}

{{/*
The times of the liveness probe, unless it is left out: a pod that is killed while its node is frozen cannot be
replaced.
*/}}
{{- define "qga.livenessProbe" -}}
{{- with .Values.livenessProbe -}}
{{- $period := .periodSeconds | default 10 | int -}}
{{- $patience := mul 2 (include "qga.freezeSeconds" $ | int) -}}
{{- $failures := div (add $patience $period -1) $period | max 12 -}}
{{- toYaml (merge (deepCopy .) (dict "periodSeconds" $period "failureThreshold" $failures)) -}}
{{- end -}}
{{- end -}}

{{/* A probe: its times from the values, what it asks from here. Takes a dict: root, values, path. */}}
{{- define "qga.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .root.Values.metrics.port | int }}
  {{- with include "qga.probeHost" .root }}
  host: {{ . | quote }}
  {{- end }}
{{ toYaml .values }}
{{- end -}}

{{/* The part of the pod's spec that the DaemonSet and `helm test` have in common. */}}
{{- define "qga.podCommon" -}}
serviceAccountName: {{ include "qga.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ .Values.events.enabled }}
enableServiceLinks: false
{{- with include "qga.imagePullSecrets" . }}
imagePullSecrets:
  {{- . | trim | nindent 2 }}
{{- end }}
{{- if .Values.hostNetwork }}
# The node's addresses, routes and host name are those that the hypervisor asks for.
hostNetwork: true
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.extraPodSpec }}
{{ toYaml . }}
{{- end }}
dnsPolicy: {{ default (.Values.hostNetwork | ternary "ClusterFirstWithHostNet" "ClusterFirst") .Values.dnsPolicy }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- include "qga.texts" . | trim | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The part of the container that the DaemonSet and `helm test` have in common. */}}
{{- define "qga.containerCommon" -}}
image: {{ include "qga.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  {{- include "qga.environment" . | trim | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.securityContext.privileged }}
# Privileged: only a device plugin could open the device of the virtio-serial port otherwise (the device cgroup
# denies it), and freezing file systems needs CAP_SYS_ADMIN.
{{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
# The agent writes no termination message: the end of its log says why it ended.
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  {{- include "qga.volumeMounts" . | trim | nindent 2 }}
{{- end -}}
