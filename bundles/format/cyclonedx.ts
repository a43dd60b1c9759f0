import { z } from 'zod'

/** The media type of a CycloneDX document in JSON, and the artifact type of a manifest that carries one. */
export const CYCLONEDX = 'application/vnd.cyclonedx+json'

/** What a document lists; what is within another (a package within an image) is nested in it. */
export interface Component {
  type: 'application' | 'container' | 'file' | 'library' | 'operating-system'
  'bom-ref'?: string | undefined
  group?: string | undefined
  name: string
  version?: string | undefined
  hashes?: { alg: 'SHA-256'; content: string }[] | undefined
  /** Package URL: what a list of vulnerabilities is asked with. */
  purl?: string | undefined
  properties?: { name: string; value: string }[] | undefined
  components?: Component[] | undefined
}

const Component: z.ZodType<Component> = z.lazy(() =>
  z.object({
    type: z.enum(['application', 'container', 'file', 'library', 'operating-system']),
    'bom-ref': z.string().optional(),
    group: z.string().optional(),
    name: z.string(),
    version: z.string().optional(),
    hashes: z.array(z.object({ alg: z.literal('SHA-256'), content: z.string() })).optional(),
    purl: z.string().optional(),
    properties: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
    components: z.array(Component).optional(),
  }),
)

/** As much of CycloneDX 1.6 as mojabox writes. There is no timestamp: the same content is the same document. */
export const Bom = z.object({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  serialNumber: z.string(),
  version: z.literal(1),
  metadata: z.object({ tools: z.object({ components: z.array(Component) }), component: Component }),
  components: z.array(Component),
})
export type Bom = z.infer<typeof Bom>

/** Properties of CycloneDX components that are ours. */
export const PROPERTIES = {
  platform: 'mojabox:platform',
  /** What an image has that was not read, such as `rpm packages`; once for each. */
  unread: 'mojabox:unread',
} as const

export function propertiesOf({ properties = [] }: Component, name: string): string[] {
  return properties.filter((property) => property.name === name).map(({ value }) => value)
}
