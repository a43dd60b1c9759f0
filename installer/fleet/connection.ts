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

export interface SpawnOptions {
  signal?: AbortSignal
  /** Hears all of stderr, in pieces. */
  onStderr?: (chunk: Buffer) => void
}

/** The person's own terminal: its three streams, and what it calls itself (`TERM`). */
export interface Streams {
  stdin: NodeJS.ReadStream
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  type: string
}

export interface InteractiveOptions {
  streams: Streams
  signal?: AbortSignal
  /** A prompt that is answered for the person instead of being shown: sudo's. */
  answer?: { prompt: string; text: string }
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
  spawn(argv: string[], options?: SpawnOptions): Promise<RemoteProcess>
  /** Runs a command with the person's terminal in its hands. @returns its exit code */
  interactive(argv: string[], options: InteractiveOptions): Promise<number>
  /** A TCP connection from the host to an address that it can reach. @throws MojaboxError `relay-refused` */
  connect(address: string, port: number): Promise<Duplex>
  close(): Promise<void>
}
