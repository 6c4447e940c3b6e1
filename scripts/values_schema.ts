/** The part of the JSON schema in chart/values.schema.json that says what a value is. */
export interface ValuesSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ValuesSchema>>;
  readonly additionalProperties?: boolean | ValuesSchema;
  readonly patternProperties?: Readonly<Record<string, ValuesSchema>>;
  readonly items?: ValuesSchema;
  readonly oneOf?: readonly ValuesSchema[];
  readonly anyOf?: readonly ValuesSchema[];
  readonly allOf?: readonly ValuesSchema[];
  /** A name in chart/files/formats.yaml. */
  readonly format?: string;
  readonly definitions?: Readonly<Record<string, ValuesSchema>>;
}

/**
 * A part of a schema, or what its reference stands for: everything is allowed where that is missing.
 *
 * @param root the whole schema, which has the definitions
 */
export function resolveReference(root: ValuesSchema, part: ValuesSchema): ValuesSchema {
  const name = part.$ref?.replace("#/definitions/", "");
  return name === undefined ? part : resolveReference(root, root.definitions?.[name] ?? {});
}
