import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dereferenceSync, parseYaml, Util } from './mojaloop.ts'

const require = createRequire(import.meta.url)

export interface HttpMessage {
  method: string
  path: string
  headers: Record<string, string>
  body?: unknown
}

type Api = Awaited<ReturnType<typeof Util.OpenapiBackend.initialise>>

/** FSPIOP's OpenAPI documents as `@mojaloop/api-snippets` carries them, by the version that a message is of. */
export class Documents {
  private readonly apis: ReadonlyMap<string, Api>

  private constructor(apis: ReadonlyMap<string, Api>) {
    this.apis = apis
  }

  static async read(): Promise<Documents> {
    const files = { '1.1': 'v1.1', '2.0': 'v2.0' }
    const apis = new Map<string, Api>()
    for (const [version, name] of Object.entries(files)) {
      const path = require.resolve(`@mojaloop/api-snippets/docs/fspiop-rest-${name}-openapi3-snippets.yaml`)
      apis.set(version, await Util.OpenapiBackend.initialise(readDocument(path), {}))
    }
    return new Documents(apis)
  }

  /** What is wrong with a request, whoever sends it; undefined when nothing is. */
  requestFault(message: HttpMessage): { code: string; words: string } | undefined {
    const resource = message.path.split('/')[1] ?? ''
    const type = message.headers['content-type']
    if (type === undefined) return { code: '3102', words: 'Missing mandatory element - content-type' }
    const content = Util.HeaderValidation.parseContentTypeHeader(resource, type)
    if (!content.valid) return { code: '3101', words: 'Malformed syntax - Invalid content-type header' }
    const api = this.apis.get(content.version ?? '')
    if (!api) return { code: '3001', words: 'Unacceptable version requested' }
    const { errors } = api.validateRequest({ ...message, query: {} })
    if (!errors?.length) return acceptFault(message, resource)
    const words = errors.map(({ instancePath = '', message: said = '' }) => `${instancePath} ${said}`.trim()).join(', ')
    return { code: '3100', words: `Generic validation error - ${words}` }
  }

  /** Is that status, with nothing in it, one that the document knows for this request? */
  answerFault(message: HttpMessage, status: number): string | undefined {
    const version = /version=([\d.]+)/.exec(message.headers['content-type'] ?? '')?.[1] ?? ''
    const api = this.apis.get(version)
    const operation = api?.matchOperation({ ...message, query: {} })
    if (!operation) return `${message.method} ${message.path} is in no document`
    return operation.responses?.[String(status)]
      ? undefined
      : `${message.method} ${message.path} is never answered with ${status}`
  }
}

/** Of a document only what the stand-ins know, with nothing left to look up in it: reading all of it takes seconds. */
function readDocument(path: string): object {
  const { paths, ...document } = parseYaml(readFileSync(path, 'utf8')) as { paths: object; components: object }
  const known = Object.entries(paths).filter(([name]) => /^\/(participants|parties|quotes|transfers)\b/.test(name))
  const { components: _, ...whole } = dereferenceSync({ ...document, paths: Object.fromEntries(known) })
  return whole
}

/** A request for something says what it accepts; an answer that comes by PUT may not. */
function acceptFault({ method, headers }: HttpMessage, resource: string): { code: string; words: string } | undefined {
  const { accept } = headers
  if (accept === undefined) {
    return method === 'PUT' || method === 'PATCH'
      ? undefined
      : { code: '3102', words: 'Missing mandatory element - accept' }
  }
  const valid = method !== 'PUT' && Util.HeaderValidation.parseAcceptHeader(resource, accept).valid
  return valid ? undefined : { code: '3101', words: 'Malformed syntax - Invalid accept header' }
}
