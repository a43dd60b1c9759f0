import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './process.ts'

export interface KeyPair {
  privateKeyPath: string
  /** One line in the format of `authorized_keys`. */
  publicKey: string
}

/** Makes a key pair, without passphrase, in a folder of the caller's: keys live as long as a test run. */
export async function createKeyPair(folder: string, name = 'id_ed25519'): Promise<KeyPair> {
  const privateKeyPath = join(folder, name)
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'mojabox-lab', '-f', privateKeyPath])
  return { privateKeyPath, publicKey: readFileSync(`${privateKeyPath}.pub`, 'utf8').trim() }
}
