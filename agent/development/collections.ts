import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { MojaboxError } from '../../bundles/format/error.ts'
import { nearestNames } from '../../bundles/format/nearest.ts'

/** Collections of the testing toolkit, and the environments beside them. */
export interface Collections {
  /** Where they are from, for messages. */
  from: string
  /** Text by path below the folder `collections`. */
  texts: Map<string, string>
  /** Text by path below the folder `environments`. */
  environments: Map<string, string>
}

/** One file, or every `.json` below a folder; environments lie in a folder `environments` beside it. */
export async function collectionsIn(path: string): Promise<Collections> {
  const found = await stat(path).catch((cause) => {
    throw missing(path, cause.message)
  })
  const environments = await textsBelow(join(dirname(resolve(path)), 'environments')).catch(() => new Map())
  if (!found.isFile()) return { from: path, texts: await textsBelow(path), environments }
  return { from: path, texts: new Map([[basename(path), await readFile(path, 'utf8')]]), environments }
}

/** @throws MojaboxError `environment-missing`, `collection-invalid` */
export function environmentBeside({ environments, from }: Collections): string {
  const [name, text] = [...environments].find(([each]) => each === 'default-env.json') ?? [...environments][0] ?? []
  if (name === undefined || text === undefined) throw noEnvironment(`none beside the collections of ${from}`)
  parsedJson(name, text)
  return text
}

async function textsBelow(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json')).sort()
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  return new Map(names.map((name, index) => [name, texts[index] ?? '']))
}

/**
 * The files and folders to run, checked: each names some collections, and each of those can be read.
 * @throws MojaboxError `collections-missing`, `collection-unknown`, `collection-invalid` (file and position)
 */
export function chooseCollections(collections: Collections, wanted: readonly string[]): string[] {
  const paths = [...collections.texts.keys()]
  if (paths.length === 0) throw missing(collections.from, 'no .json file below `collections`')
  const inputs = wanted.map((each) => each.replace(/^\.\/|\/$/g, ''))
  for (const input of inputs) {
    if (!paths.some((path) => isBelow(path, input))) throw unknown(collections.from, input, paths)
  }
  for (const [path, text] of collections.texts) {
    if (inputs.some((input) => isBelow(path, input))) parseCollection(path, text)
  }
  return inputs
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

/** A collection has cases; the order of a folder's collections has names. */
const Collection = z.union([
  z.looseObject({ test_cases: z.array(z.looseObject({ requests: z.array(z.unknown()) })) }),
  z.looseObject({ order: z.array(z.unknown()) }),
])

/** @throws MojaboxError `collection-invalid` */
export function parseCollection(path: string, text: string): void {
  const value = parsedJson(path, text)
  const read = Collection.safeParse(value)
  if (!read.success) throw invalid(path, 'JSON without `test_cases` (each with `requests`) or `order`')
}

/** @throws MojaboxError `collection-invalid`, with line and column */
export function parsedJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const { message } = cause as Error
    const before = text.slice(0, offsetOfFault(text)).split('\n')
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
    const words = message.replace(/( in JSON at position|, (\.\.\.)?").*$/s, '')
    throw invalid(path, `${place}: ${words}`, cause)
  }
}

/**
 * Where JSON stops being JSON. The engine's messages do not always say: so the longest beginning is looked for that only
 * lacks its end.
 */
function offsetOfFault(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (lacksOnlyItsEnd(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function lacksOnlyItsEnd(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    return /end of JSON input/.test(message) || Number(/at position (\d+)/.exec(message)?.[1]) === text.length
  }
}

function invalid(path: string, found: string, cause?: unknown): MojaboxError {
  return new MojaboxError(
    {
      code: 'collection-invalid',
      kind: 'usage',
      message: `the collection ${path} cannot be read`,
      found,
      needed: 'a collection of the testing toolkit, as its editor exports it',
      next: `correct ${path}, then run the same command again; nothing was run`,
    },
    { cause },
  )
}

function unknown(from: string, input: string, paths: string[]): MojaboxError {
  const folders = paths.map((path) => dirname(path)).filter((path) => path !== '.')
  const names = [...new Set([...folders, ...paths])]
  const [nearest] = nearestNames(input, names)
  return new MojaboxError({
    code: 'collection-unknown',
    kind: 'usage',
    message: `${from} has no collection ${input}`,
    found: input,
    needed: `one of ${names.slice(0, 12).join(', ')}`,
    next: nearest ? `did you mean ${nearest}? mojabox test e2e ${nearest}` : `mojabox test e2e ${names[0]}`,
  })
}

function missing(from: string, found: string): MojaboxError {
  return new MojaboxError({
    code: 'collections-missing',
    kind: 'usage',
    message: `${from} has no collections of the testing toolkit`,
    found,
    needed:
      'a hub installed from a bundle that carries them (mojabox bundle build --test-files FOLDER), or a folder with them',
    next: 'mojabox test e2e --collections PATH --environment FILE',
  })
}

export function noEnvironment(found: string): MojaboxError {
  return new MojaboxError({
    code: 'environment-missing',
    kind: 'usage',
    message: 'the testing toolkit needs an environment: the values that collections use',
    found,
    needed: 'a JSON file with `inputValues`',
    next: 'mojabox test e2e --environment FILE',
  })
}
