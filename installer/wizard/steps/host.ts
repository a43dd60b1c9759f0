import { Host, LOCAL } from '../../site/site.ts'
import { readTarget } from '../../site/site-from-flags.ts'
import { type Draft, hostText } from '../draft.ts'
import { cannot, type Step, type Taken } from '../step.ts'

/** One host more, reached as soon as it is named. */
export const host: Step = {
  detour: true,
  ask: (draft) => ({
    kind: 'text',
    message: draft.hosts.length === 0 ? 'Which host? USER@ADDRESS[:PORT]' : 'Which other host? USER@ADDRESS[:PORT]',
    initial: draft.pending && hostText(draft.pending),
  }),
  take(draft, answer, world) {
    const text = answer.trim()
    const target = readTarget(text, world.user)
    if (target === undefined || text === '' || text === LOCAL) return notAHost(text)
    const named = draft.hosts.find((one) => one.address === target.address && one.port === target.port)
    if (named) {
      return cannot(`${text} is named already`, hostText(named), 'another host', 'name another one, or go back')
    }
    const same = draft.pending && hostText(draft.pending) === hostText({ name: '-', ...target }) ? draft.pending : {}
    const read = Host.safeParse({ ...same, ...target, name: freeName(target.address, draft) })
    if (!read.success) return notAHost(text)
    return reachPending({ ...draft, pending: read.data })
  },
}

/** The pending host becomes one of the hosts when it can be reached. */
export function reachPending(draft: Draft): Taken {
  return { draft, deeds: [{ kind: 'reach', trouble: 'unreached' }], next: 'hosts' }
}

/** Its address, so far as a name can hold it, with a number when another host has that name. */
function freeName(address: string, { hosts }: Draft): string {
  const base = address
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, 'host-')
    .slice(0, 60)
  const taken = new Set(hosts.map(({ name }) => name.toLowerCase()))
  for (let count = 2, name = base; ; name = `${base}-${count++}`) if (!taken.has(name.toLowerCase())) return name
}

function notAHost(text: string): Taken {
  return cannot(
    'that is not a host',
    text === '' ? 'nothing' : text,
    'ops@10.0.0.7, ops@hub.example:2222 or ops@[fd00::7]',
    'type it again',
  )
}
