import { MojaboxError } from '../../bundles/format/error.ts'

/** What a person is asked for; `subject` says for what: a key's path, `ops@10.0.0.7:22`, a user name. */
export interface SecretQuestion {
  what: 'passphrase' | 'password' | 'sudo-password'
  subject: string
}

export interface SecretSources {
  env: Readonly<Record<string, string | undefined>>
  readFile(path: string): Promise<string>
  /** Asks the person; absent when nobody can be asked. */
  ask?: ((question: SecretQuestion) => Promise<string>) | undefined
}

/** Turns a reference into its secret; each is looked up, or asked for, once. */
export interface Secrets {
  /** @throws MojaboxError `secret-missing`, kind usage */
  get(reference: string, question: SecretQuestion): Promise<string>
  readonly canAsk: boolean
}

/**
 * The secret a reference points at; a file's last line end is dropped.
 * @throws MojaboxError `secret-missing` (kind usage) when there is none; the message names the reference only.
 */
export async function resolveSecret(
  reference: string,
  sources: SecretSources,
  question?: SecretQuestion,
): Promise<string> {
  if (reference === 'ask') {
    if (sources.ask === undefined || question === undefined) {
      throw missing(reference, question, 'nobody to ask: this is not a terminal')
    }
    return sources.ask(question)
  }
  if (reference.startsWith('env:')) {
    const value = sources.env[reference.slice(4)]
    if (value === undefined || value === '') throw missing(reference, question, 'the variable is not set')
    return value
  }
  if (reference.startsWith('file:')) {
    let text: string
    try {
      text = await sources.readFile(reference.slice(5))
    } catch (error) {
      throw missing(reference, question, `the file cannot be read (${codeOf(error)})`, error)
    }
    const value = text.replace(/\r?\n$/, '')
    if (value === '') throw missing(reference, question, 'the file is empty')
    return value
  }
  throw missing('(a literal)', question, 'neither env:NAME nor file:PATH')
}

/** Secrets that are looked up once per run, however many hosts share them. */
export function createSecrets(sources: SecretSources): Secrets {
  const known = new Map<string, Promise<string>>()
  return {
    canAsk: sources.ask !== undefined,
    get(reference, question) {
      // A typed sudo password serves every host; a typed login password or passphrase only what it was asked for.
      const key =
        reference !== 'ask'
          ? reference
          : question.what === 'sudo-password'
            ? 'sudo'
            : `${question.what} ${question.subject}`
      const earlier = known.get(key)
      if (earlier !== undefined) return earlier
      const secret = resolveSecret(reference, sources, question)
      known.set(key, secret)
      return secret
    },
  }
}

function missing(
  reference: string,
  question: SecretQuestion | undefined,
  found: string,
  cause?: unknown,
): MojaboxError {
  const purpose = question === undefined ? '' : ` for the ${question.what.replace('-', ' ')} of ${question.subject}`
  return new MojaboxError(
    {
      code: 'secret-missing',
      kind: 'usage',
      message: `no secret at ${reference}${purpose}: ${found}`,
      found: `${reference}: ${found}`,
      needed: `the secret${purpose}, by env:NAME or file:PATH, or typed on a terminal`,
      next: reference.startsWith('env:')
        ? `export ${reference.slice(4)}, then run the same command again`
        : 'mend the reference in the site file, then run the same command again',
    },
    { cause },
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
}
