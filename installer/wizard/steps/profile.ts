import { bundleServes, CHECK } from '../after.ts'
import { type Draft, hostsOf, hostText } from '../draft.ts'
import { hasText, lackOf, needsText, offersOf } from '../offers.ts'
import type { ProfileOffer } from '../profile-offers.ts'
import { ANY_PROFILE, PURPOSES } from '../purposes.ts'
import { cannot, type Step, type World } from '../step.ts'

const OTHER = '\u0000other'

/** The profile that the purpose means, what it needs, and what the hosts have. */
export const profile: Step = {
  tell: (draft, world) =>
    hostsOf(draft).map((host) => {
      const glance = world.glances.get(hostText(host))
      return `${hostText(host)} has: ${glance ? hasText(glance) : 'not looked at yet'}`
    }),
  ask(draft, world) {
    const offers = proposed(draft, world)
    const all = offers.length === offersOf(world).length
    const fits = offers.find((offer) => lackOf(offer, draft, world) === undefined)
    const remembered = offers.find(({ name }) => name === draft.profile)
    return {
      kind: 'choice',
      message: 'Which profile?',
      choices: [
        ...offers.map((offer) => ({
          value: offer.name,
          label: `${offer.name}: ${needsText(offer)}${lackOf(offer, draft, world) ? ' (too much)' : ''}`,
          about: `${offer.title}; ${offer.services} services`,
        })),
        ...(all ? [] : [{ value: OTHER, label: 'Another profile' }]),
      ],
      initial: (remembered ?? fits)?.name,
    }
  },
  take(draft, answer, world) {
    if (answer === OTHER) return { draft: { ...draft, purpose: ANY_PROFILE }, next: 'profile' }
    const offer = offersOf(world).find(({ name }) => name === answer)
    if (!offer) return cannot('no bundle carries that profile', answer, 'one of the list', 'choose another one')
    const lack = lackOf(offer, draft, world)
    if (lack) {
      const message = `${lack.host} has too little for the profile ${offer.name}`
      return cannot(message, lack.found, lack.needed, lack.next)
    }
    const ports = Object.fromEntries(Object.entries(draft.ports).filter(([name]) => name in offer.ports))
    const chosen = { ...draft, profile: offer.name, ports }
    const only = world.search.bundles.length === 1 && bundleServes(chosen, world)
    return only && world.search.bundles[0]?.typed ? { draft: chosen, ...CHECK } : { draft: chosen, next: 'bundle' }
  },
}

/** Of the purpose's profiles those that a bundle carries; all when it has none. */
function proposed(draft: Draft, world: World): ProfileOffer[] {
  const offers = offersOf(world)
  const wanted = PURPOSES.find(({ id }) => id === draft.purpose)?.profiles ?? []
  const meant = wanted.flatMap((name) => offers.filter((offer) => offer.name === name))
  return meant.length > 0 ? meant : offers
}
