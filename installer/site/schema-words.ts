import { z } from 'zod'

/** The keys a map at `path` may have; empty when any key may stand there. */
export function allowedKeys(schema: z.core.$ZodType, path: readonly (string | number)[]): string[] {
  const target = schemaAt(schema, path)
  return target instanceof z.ZodObject ? Object.keys(target.shape) : []
}

/** Whether the value at `path` is a secret's place, so that it must not be quoted. */
export function isSecret(schema: z.core.$ZodType, path: readonly (string | number)[]): boolean {
  const target = schemaAt(schema, path)
  return target instanceof z.ZodType && target.meta()?.secret === true
}

function schemaAt(schema: z.core.$ZodType, path: readonly (string | number)[]): z.core.$ZodType | undefined {
  let current: z.core.$ZodType | undefined = bare(schema)
  for (const part of path) {
    if (current instanceof z.ZodObject) current = current.shape[String(part)]
    else if (current instanceof z.ZodArray) current = current.element
    else if (current instanceof z.ZodRecord) current = current.valueType
    else return undefined
    if (current === undefined) return undefined
    current = bare(current)
  }
  return current
}

/** Without the wrappers that say how a value may be left out. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  let current = schema
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault) {
    current = current.unwrap()
  }
  return current
}
