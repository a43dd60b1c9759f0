import { createRequire } from 'node:module'

// Libraries that only the stand-ins' own image has; the types are what the stand-ins use of them.
const require = createRequire(import.meta.url)

interface Api {
  validateRequest(request: object): { errors?: { instancePath?: string; message?: string }[] | null }
  matchOperation(request: object): { responses?: Record<string, unknown> } | undefined
}

interface Protocol {
  createEventState(status: string, code: number, description: string): object
  createEventMetadata(type: string, action: string, state: object): object
  createMetadata(id: string, event: object): object
  // biome-ignore lint/suspicious/noExplicitAny: it shapes messages, of which it says no more
  createMessageFromRequest(id: string, request: object, to: string, from: string, metadata: object): any
  encodePayload(text: string, type: string): string
  decodePayload(payload: unknown, options: { asParsed: false }): { body: string }
}

type ActionName =
  | 'ABORT'
  | 'COMMIT'
  | 'POST'
  | 'PREPARE'
  | 'PREPARE_DUPLICATE'
  | 'PUT'
  | 'REJECT'
  | 'RESERVE'
  | 'TIMEOUT_RESERVED'

interface Shared {
  Enum: {
    Events: {
      Event: { Action: Record<ActionName, string>; Type: Record<'FULFIL' | 'PREPARE' | 'QUOTE', string> }
      EventStatus: { SUCCESS: { status: string; code: number; description: string } }
    }
  }
  Util: {
    OpenapiBackend: { initialise(document: object, handlers: object): Promise<Api> }
    HeaderValidation: {
      parseContentTypeHeader(resource: string, header: string): { valid: boolean; version?: string }
      parseAcceptHeader(resource: string, header: string): { valid: boolean }
    }
    StreamingProtocol: Protocol
  }
}

/** Messages between the hub's services, header rules, the reader of OpenAPI documents. */
export const { Enum, Util }: Shared = require('@mojaloop/central-services-shared')

/** Reads ILP packets. Loaded alone: the whole library takes 100 MB more. */
export const IlpV1: new (config: {
  secret: string
  logger: object
}) => {
  validateIlpAgainstTransferRequest(order: object): boolean
} = require('@mojaloop/sdk-standard-components/src/lib/ilp/IlpV1.js')

/** Signs and checks. */
export const Jws: {
  signer: new (config: { signingKey: string; logger: object }) => { sign(request: object): void }
  validator: new (config: {
    validationKeys: Record<string, string>
    logger: object
  }) => { validate(request: object): void }
} = require('@mojaloop/sdk-standard-components/src/lib/jws/index.js')

export const Redis: new (options: {
  host: string
  port: number
}) => {
  hgetall(key: string): Promise<Record<string, string>>
  hsetnx(key: string, field: string, value: string): Promise<number>
} = require('ioredis')

/** `/etc/<name>rc`, then `<name>_…` of the environment, over the defaults. */
export const rc: <T>(name: string, defaults: T) => T = require('rc')

export const parseYaml: (text: string) => unknown = require('yaml').parse

/** Puts in place of each `$ref` what it refers to. */
export const dereferenceSync: <T extends object>(document: T) => T = require('dereference-json-schema').dereferenceSync
