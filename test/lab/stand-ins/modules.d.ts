// What the stand-ins use of libraries that only their own image has.
declare module '@mojaloop/central-services-shared' {
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
  const shared: {
    Enum: {
      Events: {
        Event: {
          Action: Record<
            | 'ABORT'
            | 'COMMIT'
            | 'POST'
            | 'PREPARE'
            | 'PREPARE_DUPLICATE'
            | 'PUT'
            | 'REJECT'
            | 'RESERVE'
            | 'TIMEOUT_RESERVED',
            string
          >
          Type: Record<'FULFIL' | 'PREPARE' | 'QUOTE', string>
        }
        EventStatus: { SUCCESS: { status: string; code: number; description: string } }
      }
    }
    Util: {
      OpenapiBackend: { initialise(path: string, handlers: object): Promise<Api> }
      HeaderValidation: {
        parseContentTypeHeader(resource: string, header: string): { valid: boolean; version?: string }
        parseAcceptHeader(resource: string, header: string): { valid: boolean }
      }
      StreamingProtocol: Protocol
    }
  }
  export default shared
}

declare module '@mojaloop/sdk-standard-components/src/lib/ilp/IlpV1.js' {
  export default class IlpV1 {
    constructor(config: { secret: string; logger: object })
    validateIlpAgainstTransferRequest(order: object): boolean
  }
}

declare module '@mojaloop/sdk-standard-components/src/lib/jws/index.js' {
  const Jws: {
    signer: new (config: { signingKey: string; logger: object }) => { sign(request: object): void }
    validator: new (config: {
      validationKeys: Record<string, string>
      logger: object
    }) => { validate(request: object): void }
  }
  export default Jws
}

declare module 'ioredis' {
  export class Redis {
    constructor(options: { host: string; port: number })
    hgetall(key: string): Promise<Record<string, string>>
    hsetnx(key: string, field: string, value: string): Promise<number>
  }
}

declare module 'rc' {
  export default function rc<T>(name: string, defaults: T): T
}

declare module 'mysql2/promise' {
  interface Connection {
    query(sql: string): Promise<unknown>
    end(): Promise<void>
  }
  export function createConnection(options: {
    host: string
    user: string
    password: string
    database: string
  }): Promise<Connection>
}
