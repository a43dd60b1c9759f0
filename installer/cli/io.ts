import type { Streams } from '../fleet/connection.ts'

/** The person's keyboard, and the screen they look at. */
export interface Terminal {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
}

/** What a command may write to; only `render/` formats for it. */
export interface Io {
  stdout(text: string): void
  stderr(text: string): void
  /** True when stderr is a terminal: progress may be redrawn in place. */
  isTty: boolean
  /** True when a person can be asked: stdin and stderr are terminals. */
  canAsk: boolean
  /** Where to ask; undefined when nobody can be asked. */
  terminal: Terminal | undefined
  /** Width of the terminal now, in columns; 80 when unknown. */
  readonly columns: number
  /** Its height now, in rows; 24 when unknown. */
  readonly rows: number
  env: NodeJS.ProcessEnv
  /** The three streams as they are: for commands that hand another program's words through, byte for byte. */
  streams: Streams
  /** Aborted by the first Ctrl-C (or SIGTERM). */
  signal: AbortSignal
}
