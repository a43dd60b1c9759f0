import type { Duplex, Readable } from 'node:stream'

export interface ExecOptions {
  signal?: AbortSignal
  /** The whole command's limit; default 60 000. */
  timeoutMs?: number
  /** Sent to stdin, then stdin is closed. A stream is piped with back-pressure. */
  input?: string | Buffer | Readable
}

export interface ExecResult {
  code: number
  stdout: string
  stderr: string
}

/** A long-lived remote command: `stream` is its stdin and stdout; `exited` settles once with its exit code. */
export interface RemoteProcess {
  stream: Duplex
  /** The last 8 KiB of stderr so far. */
  stderrTail(): string
  exited: Promise<number>
  kill(): void
}

/**
 * A way to run commands on one host: over SSH, or on this machine. Nothing above it knows which.
 * Commands are argv arrays; quoting is the connection's business. Every failure of the link itself is a
 * MojaboxError of kind `host` (`host-unreachable`, `host-auth`, `host-key-changed`, `host-key-unknown`, `host-timeout`, `host-lost`).
 */
export interface Connection {
  readonly name: string
  /** What a person would recognise: `ops@10.0.0.7:22` or `this machine`. */
  readonly address: string
  exec(argv: string[], options?: ExecOptions): Promise<ExecResult>
  spawn(argv: string[], options?: { signal?: AbortSignal }): Promise<RemoteProcess>
  close(): Promise<void>
}
