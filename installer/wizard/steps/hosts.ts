import { afterHosts } from '../after.ts'
import { hostText } from '../draft.ts'
import { hasText } from '../offers.ts'
import { cannot, type Step } from '../step.ts'

const OUT = 'out '

/** The hosts named so far: enough, one more, or one less. */
export const hosts: Step = {
  tell: (draft, world) =>
    draft.hosts.map((host) => {
      const glance = world.glances.get(hostText(host))
      return `${host.name} (${hostText(host)}): ${glance ? hasText(glance) : 'not looked at yet'}`
    }),
  ask(draft) {
    const count = draft.hosts.length
    return {
      kind: 'choice',
      message: 'Is that all?',
      choices: [
        { value: 'done', label: count === 1 ? 'Yes, this one host' : `Yes, these ${count} hosts` },
        { value: 'add', label: 'Name another host' },
        ...draft.hosts.map((host) => ({ value: `${OUT}${host.name}`, label: `Leave out ${hostText(host)}` })),
      ],
    }
  },
  take(draft, answer) {
    if (answer === 'add') return { draft, next: 'host' }
    if (answer === 'done') {
      // One that could not be reached, and was not named again, is not meant.
      const meant = { ...draft, pending: undefined }
      if (draft.hosts.length > 0) return { draft: meant, ...afterHosts(meant) }
      return cannot('no host is named', 'none', 'at least one host', 'name one')
    }
    const left = draft.hosts.filter(({ name }) => answer !== `${OUT}${name}`)
    return { draft: { ...draft, hosts: left }, next: left.length > 0 ? 'hosts' : 'host' }
  },
}
