import { nodeExec } from '../../lab/nodes.ts'

/** Runs docker on a node. */
export async function dockerOn(node: string, ...args: string[]): Promise<string> {
  return (await nodeExec(node, ['docker', ...args])).stdout.trim()
}

/** Each of the hub's containers (or of all, with another filter): its id and when it was started, by name. */
export async function containersOn(node: string, filter = 'name=^mojabox-'): Promise<Map<string, string>> {
  const ids = (await dockerOn(node, 'ps', '--all', '--quiet', '--no-trunc', '--filter', filter)).split('\n')
  const format = '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.RestartCount}}'
  const rows = (await dockerOn(node, 'inspect', '--format', format, ...ids.filter(Boolean))).split('\n')
  return new Map(rows.map((row) => row.replace(/^\//, '').split(/ (.*)/) as [string, string]))
}

/** When each of mojabox's own files was last written, reports apart: those tell of every validation. */
export async function filesOf(node: string): Promise<Map<string, string>> {
  const roots = ['/var/lib/mojabox', '/etc/systemd/system/mojabox-agent.service', '/usr/local/bin/mojabox']
  const walk = ['find', ...roots, '-path', '/var/lib/mojabox/reports', '-prune', '-o', '-not', '-type', 'd']
  const { stdout } = await nodeExec(node, [...walk, '-printf', '%p\\t%T@ %i %m %U\\n'])
  return new Map(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t') as [string, string]),
  )
}

interface Account {
  ledgerAccountType: string
  currency: string
  value: number
}

/** Each participant's accounts as central-ledger itself tells them: `mojaboxpayer SETTLEMENT USD -10000`. */
export async function balancesOn(node: string): Promise<string[]> {
  const rows = await Promise.all(
    (await participantsOn(node)).map(async ({ name }) => {
      const accounts = await ledger<Account[]>(node, `/participants/${name}/accounts`)
      return accounts.map((account) => `${name} ${account.ledgerAccountType} ${account.currency} ${account.value}`)
    }),
  )
  return rows.flat().sort()
}

/** The participants, with when each was made. */
export async function participantsOn(node: string): Promise<{ name: string; created: string }[]> {
  return ledger(node, '/participants')
}

async function ledger<T>(node: string, path: string): Promise<T> {
  const url = `http://127.0.0.1:3001${path}`
  return JSON.parse(await dockerOn(node, 'exec', 'mojabox-central-ledger-1', 'wget', '-q', '-O', '-', url))
}
