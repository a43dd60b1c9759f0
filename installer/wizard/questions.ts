import { MojaboxError } from '../../bundles/format/error.ts'
import type { UnknownKey } from '../fleet/host-keys.ts'
import type { SecretQuestion } from '../site/secret.ts'

/** Shows a host key seen for the first time; true when the person vouches for it. */
export async function askKey(key: UnknownKey): Promise<boolean> {
  const { default: inquirer } = await import('inquirer')
  const message = `${key.host} is new here: its ${key.keyType} key is ${key.fingerprint}. Is that the host's own?`
  const { accepted } = await answered(inquirer.prompt([{ type: 'confirm', name: 'accepted', message, default: false }]))
  return accepted
}

/** Asks before something that cannot be undone. */
export async function askYes(message: string): Promise<boolean> {
  const { default: inquirer } = await import('inquirer')
  const { accepted } = await answered(inquirer.prompt([{ type: 'confirm', name: 'accepted', message, default: false }]))
  return accepted
}

const WHAT: Record<SecretQuestion['what'], string> = {
  passphrase: 'Passphrase of',
  password: 'Password of',
  'sudo-password': 'Sudo password of',
}

/** Asks for a secret without showing it. */
export async function askSecret({ what, subject }: SecretQuestion): Promise<string> {
  const { default: inquirer } = await import('inquirer')
  const { secret } = await answered(
    inquirer.prompt([{ type: 'password', name: 'secret', message: `${WHAT[what]} ${subject}:`, mask: '*' }]),
  )
  return secret
}

/** Ctrl-C at a question is an interruption like any other. */
async function answered<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'ExitPromptError') throw cause
    throw new MojaboxError(
      { code: 'interrupted', kind: 'interrupted', message: 'interrupted', next: 'run the same command again' },
      { cause },
    )
  }
}
