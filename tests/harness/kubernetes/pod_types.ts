import type { KubernetesApi } from "./api.ts";

/** What the names of Kubernetes' types begin with, in the API and in the chart's schema. */
export const TYPE_PREFIX = "io.k8s.";

/** The types that values of the chart have; those that they refer to come with them. */
const TYPES = [
  ...["Affinity", "Container", "EnvFromSource", "EnvVar", "PodSecurityContext"],
  ...["ResourceRequirements", "SecurityContext", "Toleration", "Volume", "VolumeMount"],
].map((name) => `${TYPE_PREFIX}api.core.v1.${name}`);

/** A type as the API server publishes it, by OpenAPI 3.0. */
interface PublishedType {
  readonly $ref?: string;
  readonly allOf?: readonly PublishedType[];
  readonly oneOf?: readonly PublishedType[];
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, PublishedType>>;
  readonly required?: readonly string[];
  readonly items?: PublishedType;
  readonly additionalProperties?: PublishedType;
}

/** A type as a JSON schema has it. */
type TypeSchema = Readonly<Record<string, unknown>>;

/** Types that are texts or numbers; chart/files/formats.yaml has what the texts look like. */
const SCALARS: Readonly<Record<string, TypeSchema>> = {
  [`${TYPE_PREFIX}apimachinery.pkg.api.resource.Quantity`]: {
    type: ["string", "number"],
    format: "quantity",
  },
  [`${TYPE_PREFIX}apimachinery.pkg.util.intstr.IntOrString`]: {
    type: ["string", "integer"],
    maximum: 2 ** 31 - 1,
  },
};

/** A toleration without a key is one of all taints. */
const TOLERATION: TypeSchema = {
  anyOf: [
    { required: ["key"], properties: { key: { minLength: 1 } } },
    { required: ["operator"], properties: { operator: { const: "Exists" } } },
  ],
};

/** Amounts of resources by their names. By `propertyNames` Helm would not say where a wrong one is. */
const QUANTITIES: TypeSchema = {
  patternProperties: {
    "^(cpu|memory|ephemeral-storage|hugepages-.+|.+/.+)$": {
      $ref: `#/definitions/${TYPE_PREFIX}apimachinery.pkg.api.resource.Quantity`,
    },
  },
  additionalProperties: false,
};

/** Of a user or a group. */
const USER_ID: TypeSchema = { minimum: 0, maximum: 2 ** 31 - 1 };

const DNS_LABEL: TypeSchema = { format: "dns-label", maxLength: 63, minLength: 1 };

/** What the API server asks of fields, and its description does not tell: by type and field. */
const RULES: Readonly<Record<string, Readonly<Record<string, TypeSchema>>>> = {
  ConfigMapEnvSource: { name: { minLength: 1 } },
  Container: { name: DNS_LABEL },
  EnvVar: { name: { format: "environment-name" } },
  NodeSelectorRequirement: {
    operator: { enum: ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] },
  },
  ResourceRequirements: {
    limits: QUANTITIES,
    requests: QUANTITIES,
  },
  SeccompProfile: { type: { enum: ["Localhost", "RuntimeDefault", "Unconfined"] } },
  SecretEnvSource: { name: { minLength: 1 } },
  SecurityContext: {
    procMount: { enum: ["Default", "Unmasked"] },
    runAsGroup: USER_ID,
    runAsUser: USER_ID,
  },
  PodSecurityContext: { runAsGroup: USER_ID, runAsUser: USER_ID },
  Toleration: {
    effect: { enum: ["", "NoSchedule", "PreferNoSchedule", "NoExecute"] },
    operator: { enum: ["", "Exists", "Equal", "Gt", "Lt"] },
  },
  Volume: { name: DNS_LABEL },
  VolumeMount: { mountPath: { format: "mount-path" }, name: { minLength: 1 } },
};

/**
 * Definitions of a JSON schema for Kubernetes' types, by their names: no field but those that the API has.
 *
 * @throws {Error} if the API server does not have a type.
 */
export async function podTypes(api: KubernetesApi): Promise<Record<string, TypeSchema>> {
  const { components: { schemas } } = await api.read<{
    readonly components: { readonly schemas: Readonly<Record<string, PublishedType>> };
  }>("/openapi/v3/apis/apps/v1");
  const found = new Map<string, TypeSchema>();
  const waiting = [...TYPES];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name)) continue;
    const published = schemas[name];
    if (published === undefined) throw new Error(`the API server has no type ${name}`);
    const schema = SCALARS[name] ?? schemaOf(published, (other) => waiting.push(other));
    const kind = name.replace(/^.*\./, "");
    const whole = kind === "Toleration" ? { ...schema, ...TOLERATION } : schema;
    found.set(name, withRules(whole, RULES[kind] ?? {}));
  }
  return Object.fromEntries([...found].sort(([a], [b]) => a < b ? -1 : 1));
}

function withRules(schema: TypeSchema, rules: Readonly<Record<string, TypeSchema>>): TypeSchema {
  const properties = { ...(schema["properties"] as Readonly<Record<string, TypeSchema>>) };
  for (const [name, rule] of Object.entries(rules)) {
    if (properties[name] === undefined) throw new Error(`there is no field ${name} to have a rule`);
    properties[name] = { ...properties[name], ...rule };
  }
  return Object.keys(rules).length === 0 ? schema : { ...schema, properties };
}

function schemaOf(published: PublishedType, refer: (name: string) => void): TypeSchema {
  // A reference with a default beside it is the only one of an allOf.
  const { $ref, type, format, properties, required, items, additionalProperties } =
    published.allOf?.[0] ??
      published;
  if ($ref !== undefined) {
    const name = $ref.replace("#/components/schemas/", "");
    refer(name);
    return { $ref: `#/definitions/${name}` };
  }
  const members = Object.entries(properties ?? {});
  return {
    type,
    ...(format === "int32" ? { maximum: 2 ** 31 - 1 } : {}),
    ...(members.length === 0 ? {} : {
      properties: Object.fromEntries(
        members.map(([name, member]) => [name, schemaOf(member, refer)]),
      ),
      additionalProperties: false,
    }),
    ...(required === undefined ? {} : { required }),
    ...(items === undefined ? {} : { items: schemaOf(items, refer) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: schemaOf(additionalProperties, refer) }),
  };
}
