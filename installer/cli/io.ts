import type { Terminal } from '../fleet/connection.ts'

/** What a command may write to; only `render/` formats for it. */
export interface Io {
  stdout(text: string): void
  stderr(text: string): void
  /** True when stderr is a terminal: progress may be redrawn in place. */
  isTty: boolean
  /** True when a person can be asked: stdin and stderr are terminals. */
  canAsk: boolean
  /** Width of the terminal in columns; 80 when unknown. */
  columns: number
  env: NodeJS.ProcessEnv
  /** The three streams as they are: for commands that hand another program's words through, byte for byte. */
  terminal: Terminal
  /** Aborted by the first Ctrl-C (or SIGTERM). */
  signal: AbortSignal
}
