import type { UnknownKey } from '../fleet/host-keys.ts'
import type { SecretQuestion } from '../site/secret.ts'

/** Shows a host key seen for the first time; true when the person vouches for it. */
export async function askKey(key: UnknownKey): Promise<boolean> {
  const { default: inquirer } = await import('inquirer')
  const message = `${key.host} is new here: its ${key.keyType} key is ${key.fingerprint}. Is that the host's own?`
  const { accepted } = await inquirer.prompt([{ type: 'confirm', name: 'accepted', message, default: false }])
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
  const { secret } = await inquirer.prompt([
    { type: 'password', name: 'secret', message: `${WHAT[what]} ${subject}:`, mask: '*' },
  ])
  return secret
}
