import { MojaboxError } from '../../bundles/format/error.ts'
import type { UnknownKey } from '../fleet/host-keys.ts'
import type { SecretQuestion } from '../site/secret.ts'

/** The words of the questions that come while a host is reached, on any terminal. */
export function keyQuestion(key: UnknownKey): string {
  return `${key.host} is new here. Its ${key.keyType} key:\n  ${key.fingerprint}\n  Is that the host's own?`
}

const WHAT: Record<SecretQuestion['what'], string> = {
  passphrase: 'Passphrase of',
  password: 'Password of',
  'sudo-password': 'Sudo password of',
}

export function secretQuestion({ what, subject }: SecretQuestion): string {
  return `${WHAT[what]} ${subject}:`
}

/** Ctrl-C at a question is an interruption like any other. */
export function interrupted(cause?: unknown): MojaboxError {
  return new MojaboxError(
    { code: 'interrupted', kind: 'interrupted', message: 'interrupted', next: 'run the same command again' },
    { cause },
  )
}
