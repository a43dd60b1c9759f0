import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, normalize } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { MojaboxError } from '../format/error.ts'
import type { Platform } from '../format/manifest.ts'
import { parseReference } from './oci/reference.ts'

const ImageReference = z.string().superRefine((text, context) => {
  const reference = parseReference(text)
  const complain = (message: string) => context.addIssue({ code: 'custom', message })
  if (reference === undefined) complain('must be a full reference with a tag, such as docker.io/library/redis:8.0')
  else if (reference.tag === 'latest') complain('must name a version: latest is another image tomorrow')
})

const PlatformText = z.string().regex(/^linux\/[a-z0-9]+(\/v\d)?$/, 'must be a platform such as linux/amd64')
const PackageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be the name of a package')
const Name = z.string().regex(/^[a-z0-9][a-z0-9.-]*$/, 'must consist of lower-case letters, digits, dots and dashes')
const InnerPath = z.string().refine((path) => path !== '' && !isAbsolute(path) && !normalize(path).startsWith('..'), {
  message: 'must be a path below the folder of the spec',
})

const Image = z.union([ImageReference, z.strictObject({ name: ImageReference, from: z.string().min(1) })])

const Archive = z.strictObject({
  /** The `Origin` that its signed index must state. */
  origin: z.string().min(1),
  /** A line of the building machine's apt configuration with one of these suites gives the address. */
  suites: z.array(z.string().min(1)),
  /** Trusted when the apt configuration names none. */
  keyrings: z.array(z.string().min(1)),
})

const DistributionArchive = z.strictObject({
  archive: Name,
  suites: z.array(z.string().min(1)).min(1),
  components: z.array(z.string().min(1)).min(1),
  /** Debian architectures it has; all when absent. */
  architectures: z.array(z.string().min(1)).optional(),
  /** Only these packages are taken from it. */
  only: z.array(PackageName).optional(),
  /** Left out, with a note, when no address is known. */
  optional: z.boolean().optional(),
})

const Distribution = z.strictObject({
  archives: z.array(DistributionArchive).min(1),
  /** What every supported host has, besides essential and required packages. */
  host: z.array(PackageName),
  /** What is wanted on a node; the rest is what these depend on. */
  install: z.array(PackageName).min(1),
})
export type Distribution = z.infer<typeof Distribution>

const FileSet = z.strictObject({
  name: Name,
  paths: z.array(InnerPath).min(1),
  /** Of these, the YAML files that mojabox itself reads: carried as JSON, under the same names. */
  asJson: z.array(InnerPath).optional(),
})
export type FileSet = z.infer<typeof FileSet>

/** A deployment's `bundle.yaml`: what a bundle carries, names and versions pinned. */
export const Spec = z
  .strictObject({
    format: z.literal(1),
    deployment: Name,
    version: z.string().regex(/^\d+\.\d+\.\d+(-[\w.]+)?$/, 'must be a version such as 2.15.1'),
    /** Carried unless `--platform` says otherwise. */
    platforms: z.array(PlatformText).min(1),
    images: z.record(Name, Image),
    /** Images by their key above. */
    profiles: z.record(Name, z.array(Name)),
    files: z.array(FileSet),
    /** Paths of the executables, from the folder of the spec. */
    executables: z.record(PlatformText, z.string().min(1)),
    archives: z.record(Name, Archive),
    distributions: z.record(Name, Distribution),
  })
  .superRefine((spec, context) => {
    for (const [profile, keys] of Object.entries(spec.profiles)) {
      for (const [position, key] of keys.entries()) {
        if (key in spec.images) continue
        context.addIssue({
          code: 'custom',
          path: ['profiles', profile, position],
          message: `must be one of the images above; there is no ${key}`,
        })
      }
    }
    for (const [name, { archives }] of Object.entries(spec.distributions)) {
      for (const [position, { archive }] of archives.entries()) {
        if (archive in spec.archives) continue
        context.addIssue({
          code: 'custom',
          path: ['distributions', name, 'archives', position, 'archive'],
          message: `must be one of the archives above; there is no ${archive}`,
        })
      }
    }
  })
export type Spec = z.infer<typeof Spec>

/** A spec and where its relative paths begin. */
export interface LoadedSpec {
  spec: Spec
  path: string
  folder: string
}

/** @throws MojaboxError `spec-not-found`, `spec-invalid` with line and column */
export async function loadSpec(path: string): Promise<LoadedSpec> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new MojaboxError(
      {
        code: 'spec-not-found',
        kind: 'usage',
        message: `reading ${path}: cannot be read as a spec`,
        found: error.code === 'ENOENT' ? 'no such file' : error.message,
        needed: 'a bundle.yaml',
        next: 'name the spec of a deployment: mojabox bundle build bundles/core-test-harness/bundle.yaml -o FILE',
      },
      { cause: error },
    )
  })
  return { spec: parseSpec(text, path), path, folder: dirname(path) }
}

/** @throws MojaboxError `spec-invalid` with the line and column of the first fault */
export function parseSpec(text: string, path: string): Spec {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [syntax] = document.errors
  if (syntax !== undefined) {
    const at = lines.linePos(syntax.pos[0])
    throw invalid(path, at, syntax.message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? 'no YAML', 'YAML')
  }
  const parsed = Spec.safeParse(document.toJS())
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0] as z.core.$ZodIssue
  const at = lines.linePos(offsetOf(document, issue))
  throw invalid(path, at, foundText(document, issue), `${issue.path.join('.') || 'the spec'}: ${neededText(issue)}`)
}

type Yaml = ReturnType<typeof parseDocument>

/** Where in the text the fault lies: the key that is too much, the value that is wrong, or what should hold a missing one. */
function offsetOf(document: Yaml, issue: z.core.$ZodIssue): number {
  for (let length = issue.path.length; length >= 0; length -= 1) {
    const node = document.getIn(issue.path.slice(0, length) as unknown[], true)
    const extra = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined
    if (extra !== undefined && isMap(node)) {
      const key = node.items.find((pair) => isScalar(pair.key) && pair.key.value === extra)?.key
      if (isScalar(key) && key.range) return key.range[0]
    }
    if (isMap(node) || isScalar(node) || (node !== null && typeof node === 'object' && 'range' in node)) {
      const { range } = node as { range?: [number, number, number] | null }
      if (range) return range[0]
    }
  }
  return 0
}

function foundText(document: Yaml, issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `the unknown key ${issue.keys.join(', ')}`
  const value = document.getIn(issue.path as unknown[])
  if (value === undefined) return 'nothing'
  if (value !== null && typeof value === 'object') return isMap(value) ? 'a mapping' : 'a list'
  return JSON.stringify(value)
}

function neededText(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return 'only known keys'
  if (issue.code === 'invalid_type')
    return `a ${issue.expected === 'record' || issue.expected === 'object' ? 'mapping' : issue.expected === 'array' ? 'list' : issue.expected}`
  if (issue.code === 'invalid_union') return 'an image reference, or name and from'
  return issue.message
}

function invalid(path: string, at: { line: number; col: number }, found: string, needed: string): MojaboxError {
  const line = Math.max(at.line, 1)
  const column = Math.max(at.col, 1)
  return new MojaboxError({
    code: 'spec-invalid',
    kind: 'usage',
    message: `reading ${path}:${line}:${column}: the spec is not valid`,
    found,
    needed,
    next: `correct line ${line}, column ${column}`,
  })
}

/** `linux/arm64/v8` as its parts. */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant] = text.split('/')
  return variant === undefined ? { os, architecture } : { os, architecture, variant }
}
