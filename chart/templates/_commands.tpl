{{/* Commands that are closed by default and that the values open, as a text; see protocol/policy.ts of the agent. */}}
{{- define "qga.openedCommands" -}}
{{- $closed := (.Files.Get "files/commands.yaml" | fromYaml).closedByDefault -}}
{{- $config := include "qga.config" . | fromYaml -}}
{{- $lists := dict -}}
{{- range $name := list "enable-commands" "disable-commands" "allow-rpcs" "block-rpcs" -}}
{{- $list := get $config $name -}}
{{- $_ := set $lists $name (kindIs "string" $list | ternary (splitList "," ($list | toString)) ($list | default list) | compact) -}}
{{- end -}}
{{- $opened := list -}}
{{- range $name := $closed -}}
{{- $byList := and (hasKey $config "block-rpcs") (not (has $name (get $lists "block-rpcs"))) (not (get $lists "allow-rpcs")) -}}
{{- $byAllow := and (has $name (get $lists "allow-rpcs")) (not (has $name (get $lists "block-rpcs"))) -}}
{{- $open := or (has $name (get $lists "enable-commands")) $byList $byAllow -}}
{{- if and $open (not (has $name (get $lists "disable-commands"))) -}}
{{- $opened = append $opened $name -}}
{{- end -}}
{{- end -}}
{{- join ", " $opened -}}
{{- end -}}
