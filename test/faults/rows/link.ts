import { setTimeout as delay } from 'node:timers/promises'
import { EXIT } from '../../e2e/support/expectations.ts'
import type { MojaboxProcess } from '../../e2e/support/mojabox-process.ts'
import { cutNetwork, restoreNetwork, shapeNetwork, unshapeNetwork } from '../../lab/network.ts'
import { nodeExec } from '../../lab/nodes.ts'
import { waitFor } from '../../lab/wait.ts'
import { type Harm, rowsAlong } from '../along.ts'
import { type FaultRow, VERBS } from '../row.ts'
import type { Subject } from '../subject.ts'

/** The rules lie in a chain of their own, so that nobody else's go with them. */
const CHAIN = 'FAULTS'

async function withRules(subject: Subject, rules: readonly string[], while_: () => Promise<unknown>): Promise<void> {
  const iptables = (...argv: string[]) => nodeExec(subject.host.name, ['iptables', '--wait', ...argv])
  await iptables('-N', CHAIN)
  for (const rule of rules) await iptables('-A', CHAIN, ...rule.split(' '))
  await iptables('-I', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', CHAIN)
  try {
    await while_()
  } finally {
    await iptables('-D', 'INPUT', '-p', 'tcp', '--dport', '22', '-j', CHAIN)
    await iptables('-F', CHAIN)
    await iptables('-X', CHAIN)
  }
}

/** Waits for a rule of the chain, by its target, to have met a packet. */
async function ruleMet(subject: Subject, target: string): Promise<void> {
  const met = async () => RegExp(`^ *[1-9]\\d* +\\d+ ${target}`, 'm').test(await subject.on('iptables', '-nvxL', CHAIN))
  await waitFor(`${target} to meet a packet`, met, { timeoutMs: 60_000 })
}

const losses = ({ events }: MojaboxProcess) =>
  events.filter((event) => event.type === 'note' && event.message.includes('connection was lost')).length

/** Waits for the command to notice a loss more than it had. */
async function lostAgain(command: MojaboxProcess, before: number): Promise<void> {
  await waitFor('the command to notice', async () => losses(command) > before, { timeoutMs: 60_000 })
}

const passing: readonly Harm[] = [
  {
    fault: 'dropped',
    title: 'the cable is pulled for 6 s',
    fast: ['upgrade'],
    async make(subject, command) {
      await cutNetwork(subject.host.name)
      await delay(6_000)
      await restoreNetwork(subject.host.name)
      return command
    },
  },
  {
    fault: 'reset-after-bytes',
    title: 'a firewall resets the connection after 1 MB more',
    fast: ['upgrade'],
    async make(subject, command) {
      const before = losses(command)
      const rules = ['-m quota --quota 1000000 -j ACCEPT', '-p tcp -j REJECT --reject-with tcp-reset']
      await withRules(subject, rules, async () => {
        await ruleMet(subject, 'REJECT')
        await lostAgain(command, before)
      })
      return command
    },
  },
  {
    fault: 'half-open',
    title: 'the host hears nothing any more for 25 s, and says nothing of it',
    async make(subject, command) {
      await withRules(subject, ['-j DROP'], () => delay(25_000))
      return command
    },
  },
  {
    fault: 'one-megabit',
    title: 'shaped to 1 Mbit/s for 30 s',
    async make(subject, command) {
      await shapeNetwork(subject.host.name, '1mbit')
      await delay(30_000)
      await unshapeNetwork(subject.host.name)
      return command
    },
  },
  {
    fault: 'loss',
    title: '20 % of the packets are lost, for 10 s',
    async make(subject, command) {
      const rules = ['-m statistic --mode random --probability 0.2 -j DROP']
      await withRules(subject, rules, () => delay(10_000))
      return command
    },
  },
  {
    fault: 'ssh-server-restarted',
    title: 'the SSH server is restarted, and its sessions end',
    fast: ['upgrade'],
    async make(subject, command) {
      const before = losses(command)
      await subject.on('systemctl', 'restart', 'ssh')
      await subject.on('pkill', '-KILL', '-x', 'sshd-session')
      await lostAgain(command, before)
      return command
    },
  },
]

/** Before anything of ours is on the host, the desk alone can go on. */
const underExecutable: FaultRow = {
  id: 'link/reset-under-executable/install',
  title: 'the connection is reset while the executable travels',
  verb: 'install',
  fast: true,
  async run(ground) {
    const subject = await ground.bare()
    const command = subject.start({}, ['--limit-rate', '8M'])
    await command.saw('transfer', ({ doneBytes, totalBytes }) => doneBytes > totalBytes / 2)
    await withRules(subject, ['-p tcp -j REJECT --reject-with tcp-reset'], () => lostAgain(command, 0))
    return subject.recovered(await command.ended, 'done')
  },
}

/** The link goes for longer than the desk tries; the host goes on by itself, and is found again where it is then. */
const gone = VERBS.flatMap((verb): FaultRow[] => [
  {
    id: `link/address-changed/${verb}`,
    title: 'the host gets another address in the middle',
    verb,
    async run(ground) {
      const subject = await ground.subject(verb)
      const { ip } = subject.host
      const other = ip.replace(/\d+$/, '3')
      const command = subject.start({}, ['--limit-rate', '3M'])
      await command.saw('step-progress', ({ id, done }) => id === 'images' && done > 0)
      const move = async (from: string, to: string) => {
        // Else the second address would go with the first.
        await nodeExec(subject.host.name, ['sysctl', '--quiet', 'net.ipv4.conf.eth0.promote_secondaries=1'])
        await nodeExec(subject.host.name, ['ip', 'address', 'add', `${to}/24`, 'dev', 'eth0'])
        await nodeExec(subject.host.name, ['ip', 'address', 'delete', `${from}/24`, 'dev', 'eth0'])
      }
      await move(ip, other)
      const ended = await command.ended
      subject.host = { ...subject.host, ip: other }
      try {
        return await subject.recovered(ended, { exit: EXIT.host, code: 'host-unreachable' })
      } finally {
        await move(other, ip)
        await subject.forgetKeyAt(other)
        subject.host = { ...subject.host, ip }
      }
    },
  },
])

/** What the line between desk and host does. */
export const linkRows: readonly FaultRow[] = [...rowsAlong('link', passing), underExecutable, ...gone]
