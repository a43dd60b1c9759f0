import { join } from 'node:path'
import ssh2, { type AnyAuthMethod, type AuthenticationType, type BaseAgent, type ParsedKey } from 'ssh2'
import type { Secrets } from '../site/secret.ts'
import { type KeyFile, missingKey, openKey, readKeyFile } from './private-key.ts'

/** Who logs in where, and with what. */
export interface Login {
  address: string
  port: number
  user: string
  identityFile?: string | undefined
  /** References, never secrets. */
  passphrase?: string | undefined
  password?: string | undefined
  agent?: boolean | undefined
}

/** One thing to try. */
export interface LoginAttempt {
  /** The SSH method the host must offer for it. */
  method: 'publickey' | 'password' | 'keyboard-interactive'
  /** For messages: `key ~/.ssh/id_ed25519`, `agent`, `password`. */
  label: string
  /** May ask a person. Undefined when there is nothing to send after all. */
  prepare(): Promise<AnyAuthMethod | undefined>
}

export interface LoginSurroundings {
  secrets: Secrets
  home: string
  /** The agent's socket, when one runs. */
  agentSocket: string | undefined
}

const DEFAULT_IDENTITIES = ['id_ed25519', 'id_ecdsa', 'id_rsa']

/**
 * What to try, in order: the named key (by the agent first when that holds it), or else the agent's keys and the
 * default identities; then the password. Nothing is asked before its turn comes.
 * @throws MojaboxError `host-auth` when the named key is missing or unreadable
 */
export async function loginAttempts(login: Login, around: LoginSurroundings): Promise<LoginAttempt[]> {
  const attempts: LoginAttempt[] = []
  const agentSocket = login.agent === false ? undefined : around.agentSocket
  if (login.identityFile !== undefined) {
    const file = await readKeyFile(login.identityFile)
    if (file === undefined) throw missingKey(login.identityFile)
    if (agentSocket !== undefined) attempts.push(agentAttempt(login.user, agentSocket, file))
    attempts.push(keyAttempt(login, file, around.secrets))
  } else {
    if (agentSocket !== undefined) attempts.push(agentAttempt(login.user, agentSocket))
    for (const name of DEFAULT_IDENTITIES) {
      const file = await readKeyFile(join(around.home, '.ssh', name))
      if (file !== undefined) attempts.push(keyAttempt(login, file, around.secrets))
    }
  }
  return [...attempts, ...passwordAttempts(login, around.secrets)]
}

function keyAttempt(login: Login, file: KeyFile, secrets: Secrets): LoginAttempt {
  return {
    method: 'publickey',
    label: `key ${file.path}`,
    async prepare() {
      const reference = login.passphrase ?? (secrets.canAsk ? 'ask' : undefined)
      const named = login.identityFile !== undefined
      // An encrypted default identity that nobody can open is passed over, as OpenSSH's batch mode does.
      if (file.encrypted && reference === undefined && !named) return undefined
      const passphrase =
        file.encrypted && reference !== undefined
          ? await secrets.get(reference, { what: 'passphrase', subject: file.path })
          : undefined
      return { type: 'publickey', username: login.user, key: openKey(file, passphrase) }
    },
  }
}

function agentAttempt(username: string, socket: string, only?: KeyFile): LoginAttempt {
  return {
    method: 'publickey',
    label: only === undefined ? 'agent' : `agent for ${only.path}`,
    async prepare() {
      const agent = new ssh2.OpenSSHAgent(socket)
      const keys = await agentKeys(agent)
      const usable = only === undefined ? keys : keys.filter((key) => only.publicKey?.equals(key.getPublicSSH()))
      if (usable.length === 0) return undefined
      const chosen = Object.create(agent, {
        getIdentities: { value: (done: (error: undefined, keys: ParsedKey[]) => void) => done(undefined, usable) },
      }) as BaseAgent
      return { type: 'agent', username, agent: chosen }
    },
  }
}

/** The agent's keys; none when it does not answer: then there is simply no agent. */
function agentKeys(agent: BaseAgent<ParsedKey>): Promise<ParsedKey[]> {
  return new Promise((resolve) => {
    agent.getIdentities((error, keys) => {
      if (error || keys === undefined) return resolve([])
      resolve(keys.flatMap((key) => ('getPublicSSH' in key ? [key] : [])))
    })
  })
}

function passwordAttempts(login: Login, secrets: Secrets): LoginAttempt[] {
  const reference = login.password ?? (secrets.canAsk ? 'ask' : undefined)
  if (reference === undefined) return []
  const question = { what: 'password', subject: `${login.user}@${login.address}:${login.port}` } as const
  return [
    {
      method: 'password',
      label: 'password',
      prepare: async () => ({
        type: 'password',
        username: login.user,
        password: await secrets.get(reference, question),
      }),
    },
    {
      method: 'keyboard-interactive',
      label: 'keyboard-interactive',
      async prepare() {
        const password = await secrets.get(reference, question)
        return {
          type: 'keyboard-interactive',
          username: login.user,
          // Only hidden answers are the password; what would be echoed is never it.
          prompt: (_name, _instructions, _lang, prompts, answer) =>
            answer(prompts.map((prompt) => (prompt.echo === true ? '' : password))),
        }
      },
    },
  ]
}

/** Walks the attempts as the host allows them; what was skipped may become allowed after a partial success. */
export class LoginSequence {
  readonly tried: string[] = []
  /** What the host said it accepts; undefined until it did. */
  offered: AuthenticationType[] | undefined
  readonly #left: LoginAttempt[]

  constructor(attempts: readonly LoginAttempt[]) {
    this.#left = [...attempts]
  }

  /** The next thing to send, or undefined when all is used up. @throws MojaboxError from an attempt's preparation */
  async next(offered: readonly AuthenticationType[] | null): Promise<AnyAuthMethod | undefined> {
    if (offered !== null) this.offered = [...offered]
    for (;;) {
      const index = this.#left.findIndex((one) => this.offered?.includes(one.method) ?? true)
      if (index < 0) return undefined
      const [attempt] = this.#left.splice(index, 1)
      const method = await attempt?.prepare()
      if (attempt === undefined || method === undefined) continue
      this.tried.push(attempt.label)
      return method
    }
  }
}
