/** What a hub is for, and the profiles that serve it, the richest first. */
export interface Purpose {
  id: string
  label: string
  about: string
  profiles: readonly string[]
}

/** Of a purpose, the first profile that the bundle carries and the hosts have room for is proposed. */
export const PURPOSES: readonly Purpose[] = [
  {
    id: 'evaluate',
    label: 'Evaluate: see a hub at work',
    about: 'As much of Mojaloop as the hosts have room for.',
    profiles: ['all-services', 'hub', 'payments', 'transfer', 'central-ledger'],
  },
  {
    id: 'develop',
    label: 'Develop: work on a service of Mojaloop',
    about: 'Transfers from end to end, quick to start again.',
    profiles: ['payments', 'transfer', 'central-ledger'],
  },
  {
    id: 'dfsp',
    label: 'Test a DFSP against a hub',
    about: 'With the services and simulators that a DFSP talks to.',
    profiles: ['testing-toolkit', 'all-services', 'payments', 'transfer'],
  },
  {
    id: 'ci',
    label: 'Run CI: a hub for automatic tests',
    about: 'The smallest that moves money.',
    profiles: ['central-ledger', 'transfer'],
  },
]

/** The answer of who wants to see every profile. */
export const ANY_PROFILE = 'any'
